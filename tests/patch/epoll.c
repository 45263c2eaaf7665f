// epoll_wait and epoll_pwait on a program's own epoll descriptors.
#include <signal.h>
#include <sys/epoll.h>

#include "tests/support/case.h"
#include "tests/support/epolls.h"
#include "tests/support/sockets.h"

enum { kShort = 20, kMany = 100 };

static void wait_readable_long(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  int count = epoll_wait(state->epoll, events, 8, 100000);
  check_readable(state, count, events);
}

CASE(epoll_wait) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN);
  meet(wait_readable, write_byte, &state);
  meet(wait_readable_long, write_byte, &state);
  close_epoll(&state);
}

static void pwait_readable(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  sigset_t mask, after;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  check_readable(state, epoll_pwait(state->epoll, events, 8, -1, &mask), events);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
  CHECK_EQ(sigismember(&after, SIGUSR1), 0);
}

static void pwait_readable_without_mask(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  check_readable(state, epoll_pwait(state->epoll, events, 8, -1, NULL), events);
}

CASE(epoll_pwait) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN);
  meet(pwait_readable, write_byte, &state);
  meet(pwait_readable_without_mask, write_byte, &state);
  close_epoll(&state);
}

static void pwait2_readable(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  struct timespec length = {100, 0};
  sigset_t mask;
  sigemptyset(&mask);
  check_readable(state, epoll_pwait2(state->epoll, events, 8, &length, &mask), events);
  CHECK_EQ(length.tv_sec, 100);
}

static void pwait2_readable_without_end(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  check_readable(state, epoll_pwait2(state->epoll, events, 8, NULL, NULL), events);
}

static void* check_pwait2(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  struct timespec length = {0, 300000}, none = {0, 0}, wrong = {0, 1000000000}, negative = {-1, 0};
  struct timespec* volatile nowhere = (struct timespec*)8;
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(epoll_pwait2(state->epoll, events, 8, &length, NULL), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= length.tv_nsec);
  CHECK_EQ(epoll_pwait2(state->epoll, events, 8, &none, NULL), 0);
  CHECK_FAILS(epoll_pwait2(state->epoll, events, 8, &wrong, NULL), EINVAL);
  CHECK_FAILS(epoll_pwait2(state->epoll, events, 8, &negative, NULL), EINVAL);
  CHECK_FAILS(epoll_pwait2(state->epoll, events, 8, nowhere, NULL), EFAULT);
  CHECK_FAILS(epoll_pwait2(state->epoll, events, 0, &length, NULL), EINVAL);
  return NULL;
}

CASE(epoll_pwait2) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN);
  meet(pwait2_readable, write_byte, &state);
  meet(pwait2_readable_without_end, write_byte, &state);
  check_pwait2(&state);
  join(start(check_pwait2, &state));
  close_epoll(&state);
}

static void wait_edge(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  CHECK_EQ(epoll_wait(state->epoll, events, 8, -1), 1);
  CHECK_EQ(epoll_wait(state->epoll, events, 8, kShort), 0);  // not drained, but told once
}

CASE(edge_triggered) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN | EPOLLET);
  meet(wait_edge, write_byte, &state);
  close_epoll(&state);
}

static void wait_once(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = state->ends[kReadEnd]}, events[8];
  CHECK_EQ(epoll_wait(state->epoll, events, 8, -1), 1);
  CHECK_EQ(epoll_wait(state->epoll, events, 8, kShort), 0);
  CHECK_EQ(epoll_ctl(state->epoll, EPOLL_CTL_MOD, event.data.fd, &event), 0);
  check_readable(state, epoll_wait(state->epoll, events, 8, -1), events);
  CHECK_EQ(epoll_ctl(state->epoll, EPOLL_CTL_MOD, event.data.fd, &event), 0);
}

CASE(one_shot) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN | EPOLLONESHOT);
  meet(wait_once, write_byte, &state);
  close_epoll(&state);
}

static void add_ready_descriptor(void* argument) {
  struct Epoll* state = argument;
  write_byte(state);
  add_to_epoll(state->epoll, state->ends[kReadEnd], EPOLLIN);
}

static void wait_readable_and_remove(void* argument) {
  struct Epoll* state = argument;
  wait_readable(state);
  while (epoll_ctl(state->epoll, EPOLL_CTL_DEL, state->ends[kReadEnd], NULL) != 0) CHECK_EQ(errno, ENOENT);
}

CASE(descriptors_added_during_the_wait) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN);
  CHECK_EQ(epoll_ctl(state.epoll, EPOLL_CTL_DEL, state.ends[kReadEnd], NULL), 0);
  meet(wait_readable_and_remove, add_ready_descriptor, &state);
  close_epoll(&state);
}

static void wait_hang_up(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  CHECK_EQ(epoll_wait(state->epoll, events, 8, -1), 1);
  CHECK_EQ(events[0].events, EPOLLIN | EPOLLHUP | EPOLLRDHUP);
  close(state->ends[kReadEnd]);  // leaves the set by itself
  CHECK_EQ(epoll_wait(state->epoll, events, 8, 0), 0);
  open_pair(SOCK_STREAM, state->ends);
  add_to_epoll(state->epoll, state->ends[kReadEnd], EPOLLIN | EPOLLRDHUP);
}

static void close_epolled_write_end(void* state) { close_write_end(((struct Epoll*)state)->ends); }

CASE(hang_ups) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN | EPOLLRDHUP);
  meet(wait_hang_up, close_epolled_write_end, &state);
  close_epoll(&state);
}

CASE(timeouts) {
  struct Epoll state;
  struct epoll_event events[8];
  open_epoll(&state, EPOLLIN);
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_EQ(epoll_wait(state.epoll, events, 8, kShort), 0);
  CHECK_EQ(epoll_pwait(state.epoll, events, 8, kShort, NULL), 0);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= 2 * kShort * 1000000LL);
  CHECK_EQ(epoll_wait(state.epoll, events, 8, 0), 0);
  close_epoll(&state);
}

CASE(no_more_events_than_asked_for) {
  int ends[kMany][2], epoll = epoll_create1(0);
  struct epoll_event events[kMany];
  for (int i = 0; i < kMany; i++) {
    open_pipe(ends[i]);
    add_to_epoll(epoll, ends[i][kReadEnd], EPOLLIN);
    CHECK_EQ(write(ends[i][kWriteEnd], "x", 1), 1);
  }
  CHECK_EQ(epoll_wait(epoll, events, 7, -1), 7);
  CHECK_EQ(epoll_wait(epoll, events, kMany, -1), kMany);
  for (int i = 0; i < kMany; i++) close_both(ends[i]);
  CHECK_EQ(epoll_wait(epoll, events, kMany, 0), 0);
  close(epoll);
}

CASE(errors_of_epoll) {
  struct Epoll state;
  struct epoll_event events[8], *volatile nowhere = (struct epoll_event*)1;
  volatile int none = 0, negative = -1;
  open_epoll(&state, EPOLLIN);
  CHECK_FAILS(epoll_wait(state.epoll, events, none, -1), EINVAL);
  CHECK_FAILS(epoll_wait(state.epoll, events, negative, -1), EINVAL);
  CHECK_FAILS(epoll_wait(state.ends[0], events, 8, -1), EINVAL);
  CHECK_FAILS(epoll_wait(-1, events, 8, -1), EBADF);
  write_byte(&state);
  CHECK_FAILS(epoll_wait(state.epoll, nowhere, 8, -1), EFAULT);
  CHECK_FAILS(epoll_pwait(state.epoll, events, 8, -1, (sigset_t*)8L), EFAULT);  // though something is ready
  close_epoll(&state);
  CHECK_FAILS(epoll_wait(state.epoll, events, 8, -1), EBADF);
}
