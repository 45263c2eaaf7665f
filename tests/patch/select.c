// select and pselect.
#include <signal.h>
#include <sys/select.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kShort = 20 };

static fd_set set_of(int first, int second) {
  fd_set set;
  FD_ZERO(&set);
  if (first >= 0) FD_SET(first, &set);
  if (second >= 0) FD_SET(second, &set);
  return set;
}

static void select_readable(void* argument) {
  int* ends = argument;
  char byte;
  fd_set to_read = set_of(ends[kReadEnd], ends[kWriteEnd]);  // a socket pair: both can be read, one is
  struct timeval long_time = {100, 0};
  CHECK_EQ(select(FD_SETSIZE, &to_read, NULL, NULL, &long_time), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &to_read));
  CHECK(!FD_ISSET(ends[kWriteEnd], &to_read));
  CHECK(long_time.tv_sec < 100 && long_time.tv_sec > 0);  // what is left of it
  check_blocking(ends[kReadEnd]);
  CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1);
}

static void write_byte(void* ends) {
  check_blocking(((int*)ends)[kReadEnd]);
  CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1);
}

CASE(select) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(select_readable, write_byte, ends);
  close_both(ends);
}

static void pselect_readable(void* argument) {
  int* ends = argument;
  char byte;
  fd_set to_read = set_of(ends[kReadEnd], -1);
  struct timespec long_time = {100, 0};
  CHECK_EQ(pselect(ends[kReadEnd] + 1, &to_read, NULL, NULL, &long_time, NULL), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &to_read));
  CHECK(long_time.tv_sec == 100 && long_time.tv_nsec == 0);
  CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1);
}

static void pselect_with_mask(void* argument) {
  int* ends = argument;
  char byte;
  fd_set to_read = set_of(ends[kReadEnd], -1);
  sigset_t mask, after;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK_EQ(pselect(ends[kReadEnd] + 1, &to_read, NULL, NULL, NULL, &mask), 1);
  CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
  CHECK_EQ(sigismember(&after, SIGUSR1), 0);
}

CASE(pselect) {
  int ends[2];
  open_pipe(ends);
  meet(pselect_readable, write_byte, ends);
  meet(pselect_with_mask, write_byte, ends);
  close_both(ends);
}

static void select_writable(void* argument) {
  int* ends = argument;
  fill(ends[kWriteEnd]);
  fd_set to_write = set_of(ends[kWriteEnd], -1), to_read = set_of(ends[kWriteEnd], -1);
  CHECK_EQ(select(ends[kWriteEnd] + 1, &to_read, &to_write, NULL, NULL), 1);
  CHECK(FD_ISSET(ends[kWriteEnd], &to_write));
  CHECK(!FD_ISSET(ends[kWriteEnd], &to_read));
}

static void drain_when_full(void* argument) {
  int* ends = argument;
  struct timeval none = {0, 0};
  fd_set to_write = set_of(ends[kWriteEnd], -1);
  while (select(ends[kWriteEnd] + 1, NULL, &to_write, NULL, &none) == 1) usleep(100);
  usleep(1000);
  set_nonblocking(ends[kReadEnd], 1);
  char buffer[4096];
  while (read(ends[kReadEnd], buffer, sizeof buffer) > 0) continue;
  set_nonblocking(ends[kReadEnd], 0);
}

CASE(select_until_writable) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(select_writable, drain_when_full, ends);
  close_both(ends);
}

static void select_urgent(void* argument) {
  int* ends = argument;
  fd_set urgent = set_of(ends[kReadEnd], -1), to_read = set_of(ends[kReadEnd], -1);
  char byte = 0;
  CHECK_EQ(select(ends[kReadEnd] + 1, NULL, NULL, &urgent, NULL), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &urgent));
  CHECK_EQ(recv(ends[kReadEnd], &byte, 1, MSG_OOB), 1);
  CHECK_EQ(byte, '!');
  struct timeval none = {0, 0};
  CHECK_EQ(select(ends[kReadEnd] + 1, &to_read, NULL, NULL, &none), 0);
  close_both(ends);
  open_tcp_pair(ends);
}

static void send_urgent(void* ends) { CHECK_EQ(send(((int*)ends)[kWriteEnd], "!", 1, MSG_OOB), 1); }

CASE(urgent_data) {
  int ends[2];
  open_tcp_pair(ends);
  meet(select_urgent, send_urgent, ends);
  close_both(ends);
}

static void select_end_of_file(void* argument) {
  int* ends = argument;
  fd_set to_read = set_of(ends[kReadEnd], -1), urgent = set_of(ends[kReadEnd], -1);
  CHECK_EQ(select(ends[kReadEnd] + 1, &to_read, NULL, &urgent, NULL), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &to_read));
  CHECK(!FD_ISSET(ends[kReadEnd], &urgent));
  close(ends[kReadEnd]);
  open_pipe(ends);
}

CASE(end_of_file) {
  int ends[2];
  open_pipe(ends);
  meet(select_end_of_file, close_write_end, ends);
  close_both(ends);
}

CASE(timeouts) {
  int ends[2];
  open_pipe(ends);
  long long begin = now_ns(CLOCK_MONOTONIC);
  fd_set to_read = set_of(ends[kReadEnd], -1);
  struct timeval timeout = {0, kShort * 1000};
  CHECK_EQ(select(ends[kReadEnd] + 1, &to_read, NULL, NULL, &timeout), 0);
  CHECK(!FD_ISSET(ends[kReadEnd], &to_read));  // nothing is ready, so nothing is set
  CHECK(timeout.tv_sec == 0 && timeout.tv_usec == 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000LL);
  to_read = set_of(ends[kReadEnd], -1);
  struct timespec duration = {0, kShort * 1000000};
  begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(pselect(ends[kReadEnd] + 1, &to_read, NULL, NULL, &duration, NULL), 0);
  CHECK_EQ(duration.tv_nsec, kShort * 1000000);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000LL);
  close_both(ends);
}

static void select_without_descriptors(void* is_told) {
  while (!is_set(is_told)) {
    struct timeval millisecond = {0, 1000};
    CHECK_EQ(select(0, NULL, NULL, NULL, &millisecond), 0);
  }
  *(int*)is_told = 0;
}

static void tell(void* is_told) { set_flag(is_told); }

CASE(a_select_without_descriptors_sleeps) {
  int is_told = 0;
  meet(select_without_descriptors, tell, &is_told);
}

CASE(several_are_counted_in_each_set) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  write_byte(ends);
  fd_set to_read = set_of(ends[0], ends[1]), to_write = set_of(ends[0], ends[1]);
  CHECK_EQ(select(FD_SETSIZE, &to_read, &to_write, NULL, NULL), 3);
  CHECK(FD_ISSET(ends[0], &to_read) && FD_ISSET(ends[0], &to_write) && FD_ISSET(ends[1], &to_write));
  close_both(ends);
}

CASE(errors_of_select) {
  int ends[2];
  struct timeval negative = {-1, 0};
  volatile int count = -1;
  open_pipe(ends);
  int closed = dup(ends[kReadEnd]);
  CHECK_EQ(close(closed), 0);
  fd_set to_read = set_of(ends[kReadEnd], closed);
  CHECK_FAILS(select(closed + 1, &to_read, NULL, NULL, NULL), EBADF);
  to_read = set_of(ends[kReadEnd], -1);
  CHECK_FAILS(select(count, &to_read, NULL, NULL, NULL), EINVAL);
  CHECK_FAILS(select(ends[kReadEnd] + 1, &to_read, NULL, NULL, &negative), EINVAL);
  write_byte(ends);
  struct timeval none = {0, 0};
  CHECK_EQ(select(ends[kReadEnd], &to_read, NULL, NULL, &none), 0);  // the number is not below the count
  close_both(ends);
}

// A hang-up is not urgent: who waits for urgent data alone sleeps on.
CASE(hang_ups_are_not_urgent) {
  int ends[2];
  open_tcp_pair(ends);
  CHECK_EQ(close(ends[kWriteEnd]), 0);
  CHECK_EQ(shutdown(ends[kReadEnd], SHUT_WR), 0);
  fd_set urgent = set_of(ends[kReadEnd], -1);
  struct timeval timeout = {0, 10 * kShort * 1000};
  CHECK_EQ(select(ends[kReadEnd] + 1, NULL, NULL, &urgent, &timeout), 0);
  CHECK(!FD_ISSET(ends[kReadEnd], &urgent));
  CHECK_EQ(close(ends[kReadEnd]), 0);
}

static void* select_in_thread(void* fd) {
  fd_set to_read = set_of(*(int*)fd, -1);
  entering();
  CHECK_EQ(select(FD_SETSIZE, &to_read, NULL, NULL, NULL), 1);
  return NULL;
}

CASE(all_who_select_one_descriptor_are_woken) {
  int ends[2];
  pthread_t threads[10];
  open_pipe(ends);
  for (int i = 0; i < 10; i++) threads[i] = start(select_in_thread, &ends[kReadEnd]);
  await_entered(10);
  write_byte(ends);
  join_all(threads, 10);
  close_both(ends);
}
