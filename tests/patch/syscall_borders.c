// System calls by number, where they differ from libc's functions, where they fail, and what they make of numbers.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kShort = 20 };

static char byte;

static void* sleep_shortly(void* argument) {
  struct timespec length = {0, kShort * 1000000L}, remaining = {7, 7};
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(syscall(SYS_nanosleep, &length, &remaining), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= length.tv_nsec);
  struct timespec until = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_EQ(syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, (long)TIMER_ABSTIME, &until, NULL), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) >= until.tv_sec * 1000000000LL + until.tv_nsec);
  length.tv_nsec = 1000000000;
  CHECK_FAILS(syscall(SYS_nanosleep, &length, NULL), EINVAL);
  CHECK_FAILS(syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, &length, NULL), EINVAL);
  CHECK_FAILS(syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, NULL, NULL), EFAULT);
  return argument;
}

static void* check_timeouts(void* argument) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  struct pollfd state = {ends[kReadEnd], POLLIN, 0};
  struct timespec timeout = {0, kShort * 1000000L};
  struct timeval value = {0, kShort * 1000L};
  CHECK_EQ(syscall(SYS_poll, &state, 1L, (long)kShort), 0);
  CHECK_EQ(syscall(SYS_ppoll, &state, 1L, &timeout, NULL, 0L), 0);
  CHECK_EQ(timeout.tv_sec, 0);
  CHECK_EQ(timeout.tv_nsec, 0);
  timeout.tv_nsec = kShort * 1000000L;
  CHECK_EQ(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, &timeout, NULL), 0);
  CHECK_EQ(timeout.tv_nsec, 0);
  CHECK_EQ(syscall(SYS_select, 0L, NULL, NULL, NULL, &value), 0);
  CHECK_EQ(value.tv_usec, 0);
  close_both(ends);
  return argument;
}

// Where libc's function would fault, copy, or take another size.
static void* check_refusals(void* read_only) {
  const struct timespec* constant = read_only;
  struct timespec wrong = {0, -1};
  sigset_t mask;
  const void* mask_of_wrong_size[2] = {&mask, (void*)sizeof mask};
  struct epoll_event event;
  int epoll = epoll_create1(0);
  sigemptyset(&mask);
  CHECK_FAILS(syscall(SYS_ppoll, NULL, 0L, &wrong, NULL, 0L), EINVAL);
  CHECK_FAILS(syscall(SYS_ppoll, NULL, 0L, 8L, NULL, 0L), EFAULT);
  CHECK_FAILS(syscall(SYS_ppoll, NULL, 0L, NULL, &mask, (long)sizeof mask), EINVAL);
  CHECK_FAILS(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, &wrong, NULL), EINVAL);
  CHECK_FAILS(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, 8L), EFAULT);
  CHECK_FAILS(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, NULL, mask_of_wrong_size), EINVAL);
  CHECK_FAILS(syscall(SYS_select, 0L, NULL, NULL, NULL, 8L), EFAULT);
  CHECK_FAILS(syscall(SYS_epoll_pwait, epoll, &event, 1L, 1L, &mask, (long)sizeof mask), EINVAL);
  CHECK_FAILS(syscall(SYS_read, -1L, &byte, 1L), EBADF);
  CHECK_FAILS(syscall(SYS_close, -1L), EBADF);
  CHECK_FAILS(syscall(-1L), ENOSYS);
  CHECK_FAILS(syscall(511L), ENOSYS);
  CHECK_FAILS(syscall(512L + SYS_read), ENOSYS);
  CHECK_EQ(syscall(SYS_ppoll, NULL, 0L, constant, NULL, 0L), 0);  // what is left cannot be written, which is no error
  CHECK_EQ(syscall(SYS_getpid), getpid());
  CHECK_EQ(close(epoll), 0);
  return NULL;
}

CASE(timeouts) {
  check_timeouts(NULL);
  join(start(check_timeouts, NULL));
  sleep_shortly(NULL);
  join(start(sleep_shortly, NULL));
}

CASE(refusals) {
  struct timespec* read_only = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  read_only->tv_nsec = 1000000;
  CHECK_EQ(mprotect(read_only, 4096, PROT_READ), 0);
  check_refusals(read_only);
  join(start(check_refusals, read_only));
  CHECK_EQ(munmap(read_only, 4096), 0);
}

// What is known of a number must not outlive its meaning. Here a thread knows it as a socket that blocks; then comes a
// call by number; then what is known would be wrong. First come those that make no duplicate: one is enough for all
// numbers to be looked at more often.
static void* write_later(void* fd) {
  usleep(2000);
  CHECK_EQ(write(*(int*)fd, "x", 1), 1);
  return NULL;
}

// Waits, so that the number is watched for.
static void check_wait(int read_end, int write_end) {
  pthread_t writer = start(write_later, &write_end);
  CHECK_EQ(read(read_end, &byte, 1), 1);
  join(writer);
}

static void open_known(int ends[2]) {
  open_pair(SOCK_STREAM, ends);
  check_wait(ends[kReadEnd], ends[kWriteEnd]);
}

static void* change_flags(void* argument) {
  int ends[2];
  open_known(ends);
  CHECK_EQ(syscall(SYS_fcntl, ends[kReadEnd], (long)F_SETFL, (long)O_NONBLOCK), 0);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  close_both(ends);
  return argument;
}

static void* set_by_ioctl(void* argument) {
  int ends[2], on = 1;
  open_known(ends);
  CHECK_EQ(syscall(SYS_ioctl, ends[kReadEnd], (long)FIONBIO, &on), 0);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  close_both(ends);
  return argument;
}

static void* set_timeout(void* argument) {
  struct timeval limit = {0, 1000};
  int ends[2];
  open_known(ends);
  CHECK_EQ(syscall(SYS_setsockopt, ends[kReadEnd], (long)SOL_SOCKET, (long)SO_RCVTIMEO, &limit, sizeof limit), 0);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  close_both(ends);
  return argument;
}

// The lowest free number is given again.
static void check_number_is_free(int fd) {
  int ends[2];
  open_pipe(ends);
  CHECK_EQ(ends[kReadEnd], fd);
  check_wait(ends[kReadEnd], ends[kWriteEnd]);
  close_both(ends);
}

static void* close_by_number(void* argument) {
  int ends[2];
  open_known(ends);
  CHECK_EQ(syscall(SYS_close, ends[kReadEnd]), 0);
  check_number_is_free(ends[kReadEnd]);
  close(ends[kWriteEnd]);
  open_known(ends);
  CHECK_EQ(syscall(SYS_close_range, ends[kReadEnd], ends[kReadEnd], 0L), 0);
  check_number_is_free(ends[kReadEnd]);
  close(ends[kWriteEnd]);
  return argument;
}

static void* put_pipe_in_place(void* argument) {
  int ends[2], pipe_ends[2];
  open_pipe(pipe_ends);
  open_known(ends);
  CHECK_EQ(syscall(SYS_dup2, pipe_ends[kReadEnd], ends[kReadEnd]), ends[kReadEnd]);
  check_wait(ends[kReadEnd], pipe_ends[kWriteEnd]);
  close_both(ends);
  open_known(ends);
  CHECK_EQ(syscall(SYS_dup3, pipe_ends[kReadEnd], ends[kReadEnd], (long)O_CLOEXEC), ends[kReadEnd]);
  check_wait(ends[kReadEnd], pipe_ends[kWriteEnd]);
  CHECK_EQ(syscall(SYS_fcntl, ends[kReadEnd], (long)F_GETFD), FD_CLOEXEC);
  close_both(ends);
  close_both(pipe_ends);
  return argument;
}

static void change_flags_of_duplicate(const int ends[2], int duplicate) {
  CHECK(duplicate >= 0);
  CHECK_EQ(fcntl(duplicate, F_SETFL, O_NONBLOCK), 0);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EAGAIN);
  CHECK_EQ(close(duplicate), 0);
}

static void* duplicate(void* argument) {
  int ends[2];
  open_known(ends);
  change_flags_of_duplicate(ends, (int)syscall(SYS_dup, ends[kReadEnd]));
  close_both(ends);
  return argument;
}

static void* duplicate_above(void* argument) {
  int ends[2];
  open_known(ends);
  change_flags_of_duplicate(ends, (int)syscall(SYS_fcntl, ends[kReadEnd], (long)F_DUPFD, 50L));
  close_both(ends);
  return argument;
}

CASE(fcntl) { join(start(change_flags, NULL)); }
CASE(ioctl) { join(start(set_by_ioctl, NULL)); }
CASE(setsockopt) { join(start(set_timeout, NULL)); }
CASE(close) { join(start(close_by_number, NULL)); }
CASE(dup) { join(start(duplicate, NULL)); }
CASE(dupfd) { join(start(duplicate_above, NULL)); }
CASE(dup2) { join(start(put_pipe_in_place, NULL)); }
