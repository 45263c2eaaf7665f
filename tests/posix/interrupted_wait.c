// Handlers during waits for several descriptors, and for time; most never go on: signal(7).
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "tests/posix/holds.h"
#include "tests/support/interrupted.h"
#include "tests/support/sockets.h"

static int ends[2], epoll;
static struct timespec length = {100, 0};
static sigset_t signals;

static void open_empty(void) {
  open_pipe(ends);
  epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
}
static void close_ends(void) {
  close_both(ends);
  close(epoll);
}
static void write_one(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }

static long call_poll(void) {
  struct pollfd wanted = {ends[0], POLLIN, 0};
  return poll(&wanted, 1, -1);
}
static long call_poll_timed(void) {
  struct pollfd wanted = {ends[0], POLLIN, 0};
  return poll(&wanted, 1, 100000);
}
static long call_poll_nothing(void) { return poll(NULL, 0, 100000); }
static long call_ppoll(void) {
  struct pollfd wanted = {ends[0], POLLIN, 0};
  return ppoll(&wanted, 1, NULL, NULL);
}
static long call_ppoll_masked(void) {
  struct pollfd wanted = {ends[0], POLLIN, 0};
  return ppoll(&wanted, 1, &length, &signals);
}
static fd_set* set_of_end(void) {
  static fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  return &set;
}
// A call that fails leaves the sets as they were.
static long with_set(long ready, const fd_set* set) { return ready < 0 && !FD_ISSET(ends[0], set) ? -2 : ready; }
static long call_select(void) {
  fd_set* set = set_of_end();
  return with_set(select(ends[0] + 1, set, NULL, NULL, NULL), set);
}
static long call_select_timed(void) {
  fd_set* set = set_of_end();
  struct timeval timeout = {100, 0};
  return with_set(select(ends[0] + 1, set, NULL, NULL, &timeout), set);
}
static long call_pselect(void) {
  fd_set* set = set_of_end();
  return with_set(pselect(ends[0] + 1, set, NULL, NULL, &length, NULL), set);
}
static long call_pselect_masked(void) {
  fd_set* set = set_of_end();
  return with_set(pselect(ends[0] + 1, set, NULL, NULL, NULL, &signals), set);
}
static struct epoll_event got;
static long call_epoll_wait(void) { return epoll_wait(epoll, &got, 1, -1); }
static long call_epoll_pwait(void) { return epoll_pwait(epoll, &got, 1, 100000, NULL); }
static long call_epoll_pwait_masked(void) { return epoll_pwait(epoll, &got, 1, -1, &signals); }
static long call_epoll_pwait2(void) { return epoll_pwait2(epoll, &got, 1, &length, NULL); }

static const struct Blocking several[] = {
    {"poll", "", open_empty, call_poll, write_one, close_ends, 1, never_restarts},
    {"poll", ", with a timeout", open_empty, call_poll_timed, write_one, close_ends, 1, never_restarts},
    {"poll", ", of nothing", nothing, call_poll_nothing, NULL, nothing, 0, never_restarts},
    {"ppoll", "", open_empty, call_ppoll, write_one, close_ends, 1, never_restarts},
    {"ppoll", ", with a mask", open_empty, call_ppoll_masked, write_one, close_ends, 1, never_restarts},
    {"select", "", open_empty, call_select, write_one, close_ends, 1, never_restarts},
    {"select", ", with a timeout", open_empty, call_select_timed, write_one, close_ends, 1, never_restarts},
    {"pselect", "", open_empty, call_pselect, write_one, close_ends, 1, never_restarts},
    {"pselect", ", with a mask", open_empty, call_pselect_masked, write_one, close_ends, 1, never_restarts},
    {"epoll_wait", "", open_empty, call_epoll_wait, write_one, close_ends, 1, never_restarts},
    {"epoll_pwait", "", open_empty, call_epoll_pwait, write_one, close_ends, 1, never_restarts},
    {"epoll_pwait", ", with a mask", open_empty, call_epoll_pwait_masked, write_one, close_ends, 1, never_restarts},
    {"epoll_pwait2", "", open_empty, call_epoll_pwait2, write_one, close_ends, 1, never_restarts},
};

static long fail(int error) {
  errno = error;
  return -1;
}

static bool is_rest(const struct timespec* rest) {
  return rest->tv_sec <= 100 && rest->tv_sec > 70 && rest->tv_nsec >= 0 && rest->tv_nsec < 1000000000;
}

static long call_sleep(void) {
  unsigned rest = sleep(100);
  return rest > 70 && rest <= 100 ? fail(EINTR) : 0;
}
static long call_usleep(void) { return usleep(100000000); }
static long call_nanosleep(void) {
  struct timespec rest = {0, 0};
  return nanosleep(&length, &rest) < 0 && is_rest(&rest) ? -1 : 0;
}
static long call_nanosleep_without_rest(void) { return nanosleep(&length, NULL); }
static long call_clock_nanosleep(void) {
  struct timespec rest = {0, 0};
  int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &length, &rest);
  return error != 0 && is_rest(&rest) ? fail(error) : 0;
}
static long call_clock_nanosleep_until(void) {
  struct timespec at = in_ms(CLOCK_REALTIME, 100000), rest = {7, 7};
  int error = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, &rest);
  return error != 0 && rest.tv_sec == 7 && rest.tv_nsec == 7 ? fail(error) : 0;
}
static long call_nanosleep_by_number(void) {
  struct timespec rest = {0, 0};
  return syscall(SYS_nanosleep, &length, &rest) < 0 && is_rest(&rest) ? -1 : 0;
}
static long call_pause(void) { return pause(); }
static long call_sigsuspend(void) { return sigsuspend(&signals); }
static void await_usr2(void) {
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
}
static long call_sigtimedwait(void) { return sigtimedwait(&signals, NULL, &length); }

static const struct Blocking times[] = {
    {"sleep", ", and the rest of the time", nothing, call_sleep, NULL, nothing, 0, never_restarts},
    {"usleep", "", nothing, call_usleep, NULL, nothing, 0, never_restarts},
    {"nanosleep", ", and the rest of the time", nothing, call_nanosleep, NULL, nothing, 0, never_restarts},
    {"nanosleep", ", without a rest", nothing, call_nanosleep_without_rest, NULL, nothing, 0, never_restarts},
    {"clock_nanosleep", ", and the rest of the time", nothing, call_clock_nanosleep, NULL, nothing, 0, never_restarts},
    {"clock_nanosleep", ", TIMER_ABSTIME, and no rest", nothing, call_clock_nanosleep_until, NULL, nothing, 0,
     never_restarts},
    {"syscall", ", by SYS_nanosleep", nothing, call_nanosleep_by_number, NULL, nothing, 0, never_restarts},
    {"pause", "", nothing, call_pause, NULL, nothing, 0, never_restarts},
    {"sigsuspend", "", nothing, call_sigsuspend, NULL, nothing, 0, never_restarts},
    {"sigtimedwait", "", await_usr2, call_sigtimedwait, NULL, nothing, 0, never_restarts},
};

CASE(several) {
  sigemptyset(&signals);
  STATE(several);
}

CASE(times) {
  sigemptyset(&signals);
  STATE(times);
}

// The signal is blocked but for the duration of the call, so that one that came before ends it at once.
static int handled;

static void count(int number) {
  (void)number;
  __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

#define ENDS(call) (handled = 0, raise(SIGUSR1), errno = 0, (call) == -1 && errno == EINTR && handled == 1)

static void* wait_with_mask(void* unused) {
  sigset_t blocked, mask;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &mask);
  struct timespec none = {0, 0};
  struct pollfd wanted = {ends[0], POLLIN, 0};
  HOLDS(ppoll, "EINTR at once for a pending signal that its mask unblocks", ENDS(ppoll(&wanted, 1, NULL, &mask)));
  HOLDS(pselect, "EINTR at once for a pending signal that its mask unblocks",
        ENDS(pselect(ends[0] + 1, set_of_end(), NULL, NULL, NULL, &mask)));
  HOLDS(epoll_pwait, "EINTR at once for a pending signal that its mask unblocks",
        ENDS(epoll_pwait(epoll, &got, 1, -1, &mask)));
  HOLDS(epoll_pwait2, "EINTR at once for a pending signal that its mask unblocks",
        ENDS(epoll_pwait2(epoll, &got, 1, NULL, &mask)));
  HOLDS(sigsuspend, "EINTR at once for a pending signal that its mask unblocks", ENDS(sigsuspend(&mask)));
  handled = 0;
  raise(SIGUSR1);
  HOLDS(ppoll, "a signal that its mask blocks stays pending", ppoll(&wanted, 1, &none, &blocked) == 0 && handled == 0);
  write_one();
  HOLDS(ppoll, "a ready descriptor wins over the signal, whose handler does not run",
        ppoll(&wanted, 1, NULL, &mask) == 1 && handled == 0);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  HOLDS(ppoll, "the mask is again what it was", handled == 1);
  return unused;
}

CASE(masks) {
  signal(SIGUSR1, count);
  open_empty();
  wait_with_mask(NULL);
  close_ends();
  open_empty();
  join(start(wait_with_mask, NULL));
  close_ends();
}
