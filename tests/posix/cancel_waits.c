// Cancellation points that wait for events, time, signals, children and threads, POSIX.1-2017 XSH 2.9.5.2.
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/points.h"
#include "tests/support/sockets.h"

static int ends[2], epoll_fd;

static void open_ends(void) { open_pipe(ends); }
static void close_ends(void) { close_both(ends); }
static void put_byte(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }

#define EVENT .end = put_byte, .at_once = put_byte, .prepare = open_ends, .clean = close_ends

static void make_poll(void) { CHECK_EQ(poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1), 1); }
static void make_ppoll(void) { CHECK_EQ(ppoll(&(struct pollfd){ends[0], POLLIN, 0}, 1, NULL, NULL), 1); }

static void make_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  CHECK_EQ(select(ends[0] + 1, &set, NULL, NULL, NULL), 1);
}

static void make_pselect(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  CHECK_EQ(pselect(ends[0] + 1, &set, NULL, NULL, NULL, NULL), 1);
}

POINT(poll, .make = make_poll, EVENT)
POINT(ppoll, .make = make_ppoll, EVENT)
POINT(select, .make = make_select, EVENT)
POINT(pselect, .make = make_pselect, EVENT)

static void open_epoll(void) {
  struct epoll_event event = {.events = EPOLLIN};
  open_ends();
  CHECK((epoll_fd = epoll_create1(0)) >= 0);
  CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[0], &event), 0);
}

static void close_epoll(void) {
  close(epoll_fd);
  close_ends();
}

#define EPOLL .end = put_byte, .at_once = put_byte, .prepare = open_epoll, .clean = close_epoll

static struct epoll_event event;
static void make_epoll_wait(void) { CHECK_EQ(epoll_wait(epoll_fd, &event, 1, -1), 1); }
static void make_epoll_pwait(void) { CHECK_EQ(epoll_pwait(epoll_fd, &event, 1, -1, NULL), 1); }

POINT(epoll_wait, .make = make_epoll_wait, EPOLL)
POINT(epoll_pwait, .make = make_epoll_pwait, EPOLL)

// Sleeps: long ones are cancelled, and with cancellation disabled a short one is complete.
static long milliseconds;

static void be_long(void) { milliseconds = 100000; }
static void be_short(void) { milliseconds = 2; }

static int cancel_state(void) {
  int state;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  pthread_setcancelstate(state, NULL);
  return state;
}

static void choose_length(void) { cancel_state() == PTHREAD_CANCEL_DISABLE ? be_short() : be_long(); }

static void nothing(void) {}

static void make_nanosleep(void) {
  choose_length();
  struct timespec length = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  CHECK_EQ(nanosleep(&length, NULL), 0);
}

static void make_clock_nanosleep(void) {
  choose_length();
  struct timespec until = in_ms(CLOCK_MONOTONIC, milliseconds);
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
}

static void make_sleep(void) {
  choose_length();
  CHECK_EQ(sleep((unsigned)(milliseconds / 1000)), 0);
}

static void make_usleep(void) {
  choose_length();
  CHECK_EQ(usleep((useconds_t)(milliseconds * 1000)), 0);
}

POINT(nanosleep, .make = make_nanosleep, .end = nothing)
POINT(clock_nanosleep, .make = make_clock_nanosleep, .end = nothing)
POINT(sleep, .make = make_sleep, .end = nothing)
POINT(usleep, .make = make_usleep, .end = nothing)

// SIGUSR1, which all threads block since before they were made.
static sigset_t usr1;

__attribute__((constructor)) static void block_usr1(void) {
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, NULL);
}

static void send_usr1(void) { CHECK_EQ(kill(getpid(), SIGUSR1), 0); }

static bool is_signal_there(void) {
  sigset_t pending;
  int signal;
  sigpending(&pending);
  if (!sigismember(&pending, SIGUSR1)) send_usr1();
  return sigwait(&usr1, &signal) == 0 && signal == SIGUSR1;
}

static void make_sigwait(void) {
  int signal;
  CHECK_EQ(sigwait(&usr1, &signal), 0);
}

static void make_sigwaitinfo(void) { CHECK_EQ(sigwaitinfo(&usr1, NULL), SIGUSR1); }
static void make_sigtimedwait(void) { CHECK_EQ(sigtimedwait(&usr1, NULL, &(struct timespec){100, 0}), SIGUSR1); }

#define SIGNAL .end = send_usr1, .at_once = send_usr1, .is_unharmed = is_signal_there

POINT(sigwait, .make = make_sigwait, SIGNAL)
POINT(sigwaitinfo, .make = make_sigwaitinfo, SIGNAL)
POINT(sigtimedwait, .make = make_sigtimedwait, SIGNAL)

// Waits for a handler, which is called until one has ended the wait.
static pthread_t paused;
static int has_returned;

static void on_usr2(int signal) { (void)signal; }

static void forget_return(void) {
  signal(SIGUSR2, on_usr2);
  has_returned = 0;
}

static void send_usr2(void) {
  while (!is_set(&has_returned)) {
    CHECK_EQ(pthread_kill(paused, SIGUSR2), 0);
    usleep(100);
  }
}

static void check_interrupted(int result) {
  CHECK(result == -1 && errno == EINTR);
  set_flag(&has_returned);
}

static void make_pause(void) {
  paused = pthread_self();
  int result = pause();
  check_interrupted(result);
}

static void make_sigsuspend(void) {
  sigset_t none;
  sigemptyset(&none);
  paused = pthread_self();
  int result = sigsuspend(&none);
  check_interrupted(result);
}

POINT(pause, .make = make_pause, .end = send_usr2, .prepare = forget_return)
POINT(sigsuspend, .make = make_sigsuspend, .end = send_usr2, .prepare = forget_return)

// Children that live until a pipe is closed.
static pid_t child;

static void make_child(void) {
  char byte;
  open_ends();
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(ends[1]);
    _exit((int)read(ends[0], &byte, 1));
  }
  close(ends[0]);
}

static void end_child(void) { close(ends[1]); }

static bool is_child_there(void) {
  int status;
  if (kill(child, 0) != 0) return false;
  kill(child, SIGKILL);
  return waitpid(child, &status, 0) == child && close(ends[1]) == 0;
}

static void make_wait(void) { CHECK_EQ(wait(NULL), child); }
static void make_waitpid(void) { CHECK_EQ(waitpid(child, NULL, 0), child); }
static void make_waitid(void) { CHECK_EQ(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED), 0); }
static void make_wait4(void) { CHECK_EQ(wait4(child, NULL, 0, NULL), child); }

#define CHILD .end = end_child, .prepare = make_child, .is_unharmed = is_child_there

POINT(wait, .make = make_wait, CHILD)
POINT(waitpid, .make = make_waitpid, CHILD)
POINT(waitid, .make = make_waitid, CHILD)
POINT(wait4, .make = make_wait4, CHILD)

// A thread to be joined: the cancelled join leaves it joinable.
static pthread_t other;
static int may_end;

static void* run_other(void* argument) {
  while (!is_set(&may_end)) usleep(100);
  return argument;
}

static void make_other(void) {
  may_end = 0;
  other = start(run_other, NULL);
}

static void end_other(void) { set_flag(&may_end); }

static bool is_joinable(void) {
  end_other();
  return pthread_join(other, NULL) == 0;
}

static void make_join(void) { CHECK_EQ(pthread_join(other, NULL), 0); }
static void make_timedjoin(void) {
  struct timespec until = in_ms(CLOCK_REALTIME, 100000);
  CHECK_EQ(pthread_timedjoin_np(other, NULL, &until), 0);
}

#define JOIN .end = end_other, .prepare = make_other, .is_unharmed = is_joinable

POINT(pthread_join, .make = make_join, JOIN)
POINT(pthread_timedjoin_np, .make = make_timedjoin, JOIN)

// Semaphores.
static sem_t semaphore;

static void open_zero(void) { CHECK_EQ(sem_init(&semaphore, 0, 0), 0); }
static void close_semaphore(void) { CHECK_EQ(sem_destroy(&semaphore), 0); }
static void post(void) { CHECK_EQ(sem_post(&semaphore), 0); }

static bool is_post_there(void) {
  int value;
  sem_getvalue(&semaphore, &value);
  if (value == 0) post();
  return sem_trywait(&semaphore) == 0;
}

static void make_sem_wait(void) { CHECK_EQ(sem_wait(&semaphore), 0); }
static void make_sem_timedwait(void) {
  struct timespec until = in_ms(CLOCK_REALTIME, 100000);
  CHECK_EQ(sem_timedwait(&semaphore, &until), 0);
}
static void make_sem_clockwait(void) {
  struct timespec until = in_ms(CLOCK_MONOTONIC, 100000);
  CHECK_EQ(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until), 0);
}

#define SEMAPHORE \
  .end = post, .at_once = post, .prepare = open_zero, .clean = close_semaphore, .is_unharmed = is_post_there

POINT(sem_wait, .make = make_sem_wait, SEMAPHORE)
POINT(sem_timedwait, .make = make_sem_timedwait, SEMAPHORE)
POINT(sem_clockwait, .make = make_sem_clockwait, .end = post, .prepare = open_zero, .clean = close_semaphore,
      .is_unharmed = is_post_there)
