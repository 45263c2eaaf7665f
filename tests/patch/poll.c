// poll and ppoll.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kMany = 200, kShort = 20 };

static void poll_readable(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], POLLIN, 0};
  char byte;
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLIN);
  check_blocking(one.fd);
  CHECK_EQ(read(one.fd, &byte, 1), 1);
}

static void write_byte(void* ends) {
  check_blocking(((int*)ends)[kReadEnd]);
  CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1);
}

CASE(poll) {
  int ends[2];
  open_pipe(ends);
  meet(poll_readable, write_byte, ends);
  close_both(ends);
  open_tcp_pair(ends);
  meet(poll_readable, write_byte, ends);
  close_both(ends);
}

static void ppoll_readable(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], POLLIN, 0};
  struct timespec long_time = {100, 0};
  char byte;
  CHECK_EQ(ppoll(&one, 1, &long_time, NULL), 1);
  CHECK_EQ(long_time.tv_sec, 100);  // unlike select(), ppoll() leaves it
  CHECK_EQ(one.revents, POLLIN);
  CHECK_EQ(read(one.fd, &byte, 1), 1);
}

static void ppoll_with_mask(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], POLLIN, 0};
  sigset_t mask, after;
  char byte;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK_EQ(ppoll(&one, 1, NULL, &mask), 1);
  CHECK_EQ(read(one.fd, &byte, 1), 1);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
  CHECK_EQ(sigismember(&after, SIGUSR1), 0);
}

CASE(ppoll) {
  int ends[2];
  open_pipe(ends);
  meet(ppoll_readable, write_byte, ends);
  meet(ppoll_with_mask, write_byte, ends);
  close_both(ends);
}

static void poll_writable(void* argument) {
  int* ends = argument;
  struct pollfd one = {ends[kWriteEnd], POLLOUT, 0};
  fill(ends[kWriteEnd]);
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLOUT);
}

static void drain_when_full(void* argument) {
  int* ends = argument;
  struct pollfd full = {ends[kWriteEnd], POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  drain(ends[kReadEnd], 65536);
}

CASE(poll_until_writable) {
  int ends[2];
  open_pipe(ends);
  meet(poll_writable, drain_when_full, ends);
  close_both(ends);
}

static void check_timeout(struct pollfd* fds, nfds_t count) {
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(poll(fds, count, kShort), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000LL);
  struct timespec duration = {0, kShort * 1000000};
  begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(ppoll(fds, count, &duration, NULL), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000LL);
}

CASE(timeouts) {
  int ends[2];
  open_pipe(ends);
  struct pollfd one = {ends[kReadEnd], POLLIN, POLLERR};
  check_timeout(&one, 1);
  CHECK_EQ(one.revents, 0);
  check_timeout(NULL, 0);
  CHECK_EQ(poll(&one, 1, 0), 0);
  CHECK_EQ(poll(NULL, 0, 0), 0);
  struct timespec none = {0, 0}, wrong = {0, 1000000000};
  CHECK_EQ(ppoll(&one, 1, &none, NULL), 0);
  CHECK_FAILS(ppoll(&one, 1, &wrong, NULL), EINVAL);
  write_byte(ends);
  CHECK_EQ(poll(&one, 1, 0), 1);
  CHECK_EQ(one.revents, POLLIN);
  close_both(ends);
}

static void poll_without_descriptors(void* is_told) {
  while (!is_set(is_told)) CHECK_EQ(poll(NULL, 0, 1), 0);
  *(int*)is_told = 0;
}

static void tell(void* is_told) { set_flag(is_told); }

CASE(a_poll_without_descriptors_sleeps) {
  int is_told = 0;
  meet(poll_without_descriptors, tell, &is_told);
}

CASE(wrong_descriptors) {
  int ends[2];
  open_pipe(ends);
  struct pollfd three[] = {{ends[kReadEnd], POLLIN, 9}, {-5, POLLIN, 9}, {9999, POLLIN, 9}};
  CHECK_EQ(poll(three, 3, -1), 1);
  CHECK_EQ(three[0].revents, 0);
  CHECK_EQ(three[1].revents, 0);  // negative numbers are passed over
  CHECK_EQ(three[2].revents, POLLNVAL);
  CHECK_EQ(poll(&three[1], 1, 1), 0);
  struct pollfd* volatile nowhere = (struct pollfd*)1;
  CHECK_FAILS(poll(nowhere, 1, 0), EFAULT);
  close_both(ends);
}

struct Many {
  int ends[kMany][2];
  int chosen;
};

static void poll_many(void* argument) {
  struct Many* many = argument;
  struct pollfd fds[kMany];
  for (int i = 0; i < kMany; i++) fds[i] = (struct pollfd){many->ends[i][kReadEnd], POLLIN, 0};
  CHECK_EQ(poll(fds, kMany, -1), 1);
  for (int i = 0; i < kMany; i++) CHECK_EQ(fds[i].revents, i == many->chosen ? POLLIN : 0);
  char byte;
  CHECK_EQ(read(fds[many->chosen].fd, &byte, 1), 1);
  many->chosen = kMany - 1;
}

static void write_chosen(void* argument) {
  struct Many* many = argument;
  write_byte(many->ends[many->chosen]);
}

CASE(many_descriptors) {
  static struct Many many;
  for (int i = 0; i < kMany; i++) open_pipe(many.ends[i]);
  many.chosen = 17;
  meet(poll_many, write_chosen, &many);
  for (int i = 0; i < kMany; i++) close_both(many.ends[i]);
}

static void poll_twice_the_same(void* ends) {
  struct pollfd both[] = {{((int*)ends)[kReadEnd], POLLIN, 0}, {((int*)ends)[kReadEnd], POLLPRI | POLLRDNORM, 0}};
  CHECK_EQ(poll(both, 2, -1), 2);
  CHECK_EQ(both[0].revents, POLLIN);
  CHECK_EQ(both[1].revents, POLLRDNORM);
  char byte;
  CHECK_EQ(read(both[0].fd, &byte, 1), 1);
}

CASE(one_descriptor_twice) {
  int ends[2];
  open_pipe(ends);
  meet(poll_twice_the_same, write_byte, ends);
  close_both(ends);
}

CASE(regular_files_are_always_ready) {
  char name[] = "/tmp/evergreen-poll-XXXXXX";
  int ends[2];
  open_pipe(ends);
  int file = mkstemp(name);
  unlink(name);
  struct pollfd both[] = {{ends[kReadEnd], POLLIN, 0}, {file, POLLIN | POLLOUT, 0}};
  CHECK_EQ(poll(both, 2, -1), 1);
  CHECK_EQ(both[0].revents, 0);
  CHECK_EQ(both[1].revents, POLLIN | POLLOUT);
  close(file);
  close_both(ends);
}

static void poll_epoll(void* argument) {
  int* ends = argument;
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(0);
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[kReadEnd], &event), 0);
  struct pollfd one = {epoll, POLLIN, 0};
  char byte;
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLIN);
  CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1);
  close(epoll);
}

CASE(epoll_descriptors) {
  int ends[2];
  open_pipe(ends);
  meet(poll_epoll, write_byte, ends);
  close_both(ends);
}

static void* poll_in_thread(void* fd) {
  struct pollfd one = {*(int*)fd, POLLIN, 0};
  entering();
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLIN);
  return NULL;
}

CASE(all_who_poll_one_descriptor_are_woken) {
  int ends[2];
  pthread_t threads[10];
  open_pipe(ends);
  for (int i = 0; i < 10; i++) threads[i] = start(poll_in_thread, &ends[kReadEnd]);
  await_entered(10);
  write_byte(ends);
  join_all(threads, 10);
  close_both(ends);
}

static void* poll_for_space(void* fd) {
  struct pollfd one = {*(int*)fd, POLLOUT, 0};
  entering();
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLOUT);
  return NULL;
}

static void poll_normal_band(void* ends) {
  struct pollfd both[] = {{((int*)ends)[0], POLLRDNORM, 0}, {-1, 0, 0}};
  CHECK_EQ(poll(both, 2, -1), 1);
  CHECK_EQ(both[0].revents, POLLRDNORM);
  read_exactly(((int*)ends)[0], (char[5]){0}, 5);
}

static int is_drained;

// Leaves it full again; not before the other has done, who would drain that, too.
static void poll_write_band(void* ends) {
  struct pollfd one = {((int*)ends)[0], POLLWRBAND, 0};
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLWRBAND);
  await_flag(&is_drained);
  is_drained = 0;
  CHECK(fill(((int*)ends)[0]) > 0);
}

static void drain_peer(void* ends) {
  char byte[4096];
  while (recv(((int*)ends)[1], byte, sizeof byte, MSG_DONTWAIT) > 0) {
  }
  set_flag(&is_drained);
}

CASE(bands) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(poll_normal_band, write_hello, ends);
  close_both(ends);
  open_pair(SOCK_DGRAM, ends);
  fill(ends[0]);
  meet(poll_write_band, drain_peer, ends);
  close_both(ends);
}

CASE(one_polls_to_read_and_one_to_write) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  size_t filled = fill(ends[kWriteEnd]);
  pthread_t threads[] = {start(poll_in_thread, &ends[kWriteEnd]), start(poll_for_space, &ends[kWriteEnd])};
  await_entered(2);
  drain(ends[kReadEnd], filled);
  CHECK_EQ(pthread_join(threads[1], NULL), 0);
  CHECK_EQ(write(ends[kReadEnd], "x", 1), 1);
  CHECK_EQ(pthread_join(threads[0], NULL), 0);
  close_both(ends);
}

CASE(a_descriptor_used_in_poll_can_be_used_again) {
  int ends[2], number = -1;
  for (int i = 0; i < 100; i++) {
    if (i % 2) open_pipe(ends);
    if (i % 2 == 0) open_pair(SOCK_STREAM, ends);
    if (i == 0) number = ends[kReadEnd];
    CHECK_EQ(ends[kReadEnd], number);
    pthread_t thread = start(poll_in_thread, &ends[kReadEnd]);
    await_entered(i + 1);
    write_byte(ends);
    join(thread);
    close_both(ends);
  }
}
