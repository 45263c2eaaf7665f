// A call that succeeds leaves errno as it was: where it need not wait, and where it has waited and tried in between.
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kErrno = 77 };

#define KEEPS(what)          \
  do {                       \
    errno = kErrno;          \
    CHECK((what) >= 0);      \
    CHECK_EQ(errno, kErrno); \
  } while (0)

struct Waits {
  int pair[2];
  struct sockaddr_in address;
  int listener, turn;
};

static char text[16];
static struct iovec part = {text, sizeof text};
static struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
static struct mmsghdr messages = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

static void wait_with_poll(int fd, int turn) {
  struct pollfd entry = {fd, POLLIN, 0};
  struct epoll_event event = {.events = EPOLLIN};
  struct timespec long_time = {100, 0};
  struct timeval long_timeval = {100, 0};
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  int epoll = epoll_create1(0);
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
  if (turn == 0) KEEPS(poll(&entry, 1, -1));
  if (turn == 1) KEEPS(ppoll(&entry, 1, &long_time, NULL));
  if (turn == 2) KEEPS(select(fd + 1, &set, NULL, NULL, &long_timeval));
  if (turn == 3) KEEPS(pselect(fd + 1, &set, NULL, NULL, &long_time, NULL));
  if (turn == 4) KEEPS(epoll_wait(epoll, &event, 1, -1));
  if (turn == 5) KEEPS(epoll_pwait(epoll, &event, 1, 100000, NULL));
  KEEPS(close(epoll));
  CHECK_EQ(read(fd, text, 1), 1);
}

enum { kPolls = 6, kReads = 7 };

static void wait_to_read(void* argument) {
  struct Waits* waits = argument;
  int fd = waits->pair[kReadEnd];
  if (waits->turn >= kReads) wait_with_poll(fd, waits->turn - kReads);
  if (waits->turn == 0) KEEPS(read(fd, text, 1));
  if (waits->turn == 1) KEEPS(readv(fd, &part, 1));
  if (waits->turn == 2) KEEPS(recv(fd, text, 1, MSG_WAITALL));
  if (waits->turn == 3) KEEPS(recvfrom(fd, text, 1, 0, NULL, NULL));
  if (waits->turn == 4) KEEPS(recvmsg(fd, &message, 0));
  if (waits->turn == 5) KEEPS(recvmmsg(fd, &messages, 1, 0, NULL));
  if (waits->turn == 6) {
    KEEPS(recv(fd, text, 1, MSG_PEEK));
    KEEPS(recv(fd, text, 1, 0));
  }
}

static void end_reading(void* argument) { KEEPS(write(((struct Waits*)argument)->pair[kWriteEnd], "x", 1)); }

CASE(calls_that_wait_for_input) {
  struct Waits waits;
  for (int kind = 0; kind < 3; kind++) {
    if (kind == 0) open_pipe(waits.pair);
    if (kind == 1) open_pair(SOCK_STREAM, waits.pair);
    if (kind == 2) open_pair(SOCK_DGRAM, waits.pair);
    for (waits.turn = 0; waits.turn < kReads + kPolls; waits.turn++) {
      bool is_for_sockets = waits.turn >= 2 && waits.turn < kReads;
      if (kind != 0 || !is_for_sockets) meet(wait_to_read, end_reading, &waits);
    }
    close_both(waits.pair);
  }
}

static void wait_to_write(void* argument) {
  struct Waits* waits = argument;
  int fd = waits->pair[kWriteEnd];
  struct iovec parts[] = {{large, 1000}, {large + 1000, kLarge - 1000}};
  struct msghdr long_message = {.msg_iov = parts, .msg_iovlen = 2};
  struct mmsghdr long_messages = {.msg_hdr = long_message};
  if (waits->turn == 0) KEEPS(write(fd, large, kLarge));
  if (waits->turn == 1) KEEPS(writev(fd, parts, 2));
  if (waits->turn == 2) KEEPS(send(fd, large, kLarge, 0));
  if (waits->turn == 3) KEEPS(sendto(fd, large, kLarge, 0, NULL, 0));
  if (waits->turn == 4) KEEPS(sendmsg(fd, &long_message, 0));
  if (waits->turn == 5) KEEPS(sendmmsg(fd, &long_messages, 1, 0));
}

static void end_writing(void* argument) { drain_pattern(((struct Waits*)argument)->pair[kReadEnd], kLarge); }

CASE(calls_that_wait_for_room) {
  struct Waits waits;
  for (int kind = 0; kind < 2; kind++) {
    if (kind == 0) open_pipe(waits.pair);
    if (kind == 1) open_pair(SOCK_STREAM, waits.pair);
    for (waits.turn = 0; waits.turn < (kind == 0 ? 2 : 6); waits.turn++) meet(wait_to_write, end_writing, &waits);
    close_both(waits.pair);
  }
}

static void wait_to_accept(void* argument) {
  struct Waits* waits = argument;
  if (waits->turn == 0) KEEPS(waits->pair[0] = accept(waits->listener, NULL, NULL));
  if (waits->turn == 1) KEEPS(waits->pair[0] = accept4(waits->listener, NULL, NULL, SOCK_CLOEXEC));
  KEEPS(close(waits->pair[0]));
}

static void end_accepting(void* argument) {
  struct Waits* waits = argument;
  int fd;
  KEEPS(fd = socket(AF_INET, SOCK_STREAM, 0));
  KEEPS(connect(fd, (struct sockaddr*)&waits->address, sizeof waits->address));
  CHECK_EQ(read(fd, text, 1), 0);
  close(fd);
}

static void wait_to_connect(void* argument) {
  struct Waits* waits = argument;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  KEEPS(connect(fd, (struct sockaddr*)&waits->address, sizeof waits->address));
  CHECK_EQ(read(fd, text, 1), 0);
  close(fd);
  close(waits->pair[0]);
  waits->pair[0] = tcp_connected(&waits->address);
}

static void end_connecting(void* argument) {
  for (int i = 0; i < 2; i++) close(accept(((struct Waits*)argument)->listener, NULL, NULL));
}

CASE(calls_that_wait_for_a_connection) {
  struct Waits waits;
  waits.listener = tcp_listener(0, &waits.address);
  for (waits.turn = 0; waits.turn < 2; waits.turn++) meet(wait_to_accept, end_accepting, &waits);
  waits.pair[0] = tcp_connected(&waits.address);
  meet(wait_to_connect, end_connecting, &waits);
  close(waits.pair[0]);
  close(waits.listener);
}

static void* end_at_once(void* argument) { return argument; }

CASE(calls_that_wait_for_time_or_children) {
  struct timespec soon = in_ms(CLOCK_MONOTONIC, 1), moment = {0, 1000000};
  pthread_t thread;
  siginfo_t info;
  KEEPS(usleep(1000));
  KEEPS(nanosleep(&moment, NULL));
  KEEPS(-clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &soon, NULL));
  KEEPS(poll(NULL, 0, 1));
  KEEPS(-(int)sleep(0));
  errno = kErrno;
  CHECK_EQ(pthread_create(&thread, NULL, end_at_once, NULL), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(errno, kErrno);
  for (int turn = 0; turn < 3; turn++) {
    pid_t child = fork();
    if (child == 0) {
      usleep(1000);
      _exit(0);
    }
    if (turn == 0) KEEPS(waitpid(child, NULL, 0));
    if (turn == 1) KEEPS(wait4(child, NULL, 0, NULL));
    if (turn == 2) KEEPS(waitid(P_PID, (id_t)child, &info, WEXITED));
  }
}

CASE(calls_on_descriptors) {
  int ends[2], other, off = 0;
  struct timeval limit = {100, 0};
  KEEPS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  KEEPS(other = dup(ends[0]));
  KEEPS(dup2(ends[0], other));
  KEEPS(dup3(ends[1], other, O_CLOEXEC));
  KEEPS(fcntl(other, F_SETFL, O_NONBLOCK));
  KEEPS(fcntl(other, F_SETFL, 0));
  KEEPS(ioctl(other, FIONBIO, &off));
  KEEPS(setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  KEEPS(send(other, "x", 1, 0));
  KEEPS(recv(ends[0], text, sizeof text, 0));
  KEEPS(close(other));
  KEEPS(close_range((unsigned)ends[0], (unsigned)ends[1], 0));
  KEEPS(other = eventfd(1, 0));
  KEEPS(read(other, text, 8));
  KEEPS(close(other));
  KEEPS(other = open("/proc/self/exe", O_RDONLY));
  KEEPS(read(other, text, 8));
  KEEPS(flock(other, LOCK_SH));
  KEEPS(fsync(other));
  KEEPS(close(other));
  KEEPS(other = timerfd_create(CLOCK_MONOTONIC, 0));
  struct itimerspec soon = {.it_value = {0, 1000000}};
  KEEPS(timerfd_settime(other, 0, &soon, NULL));
  KEEPS(read(other, text, 8));
  KEEPS(close(other));
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int signalled;

static void wait_for_locks(void* argument) {
  (void)argument;
  errno = kErrno;
  CHECK_EQ(sem_wait(&semaphore), 0);
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  while (!signalled) CHECK_EQ(pthread_cond_wait(&condition, &mutex), 0);
  signalled = 0;
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
  CHECK_EQ(errno, kErrno);
}

static void end_locks(void* argument) {
  (void)argument;
  errno = kErrno;
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  CHECK_EQ(sem_post(&semaphore), 0);
  CHECK_EQ(sched_yield(), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
  CHECK_EQ(errno, kErrno);
  usleep(2000);
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  signalled = 1;
  CHECK_EQ(pthread_cond_signal(&condition), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

CASE(locks) {
  CHECK_EQ(sem_init(&semaphore, 0, 0), 0);
  meet(wait_for_locks, end_locks, NULL);
}
