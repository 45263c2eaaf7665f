// Epolls in epolls, and several threads that wait at one.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/epolls.h"
#include "tests/support/sockets.h"

enum { kShort = 20, kMany = 100, kWorkers = 4 };

static void wait_nested(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  int outer = epoll_create1(0);
  add_to_epoll(outer, state->epoll, EPOLLIN);
  CHECK_EQ(epoll_wait(outer, events, 8, -1), 1);
  CHECK_EQ(events[0].data.fd, state->epoll);
  close(outer);
  wait_readable(state);
}

CASE(epoll_in_epoll) {
  struct Epoll state;
  open_epoll(&state, EPOLLIN);
  meet(wait_nested, write_byte, &state);
  close_epoll(&state);
}

// As deep as the kernel allows: whoever waits for the outermost one cannot do so by another epoll.
enum { kDeepest = 5 };

static void open_nest(int nest[kDeepest], int fd) {
  for (int i = 0; i < kDeepest; i++) {
    nest[i] = epoll_create1(EPOLL_CLOEXEC);
    add_to_epoll(nest[i], i == 0 ? fd : nest[i - 1], EPOLLIN);
  }
}

static void wait_for_outermost(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event event;
  int nest[kDeepest];
  open_nest(nest, state->ends[kReadEnd]);
  CHECK_EQ(epoll_wait(nest[kDeepest - 1], &event, 1, -1), 1);
  CHECK_EQ(event.data.fd, nest[kDeepest - 2]);
  for (int i = 0; i < kDeepest; i++) CHECK_EQ(close(nest[i]), 0);
  wait_readable(state);
}

static void poll_outermost(void* argument) {
  struct Epoll* state = argument;
  int nest[kDeepest];
  open_nest(nest, state->ends[kReadEnd]);
  struct pollfd both[] = {{nest[kDeepest - 1], POLLIN, 0}, {state->ends[kWriteEnd], POLLIN, 0}};
  CHECK_EQ(poll(both, 2, -1), 1);
  CHECK_EQ(both[0].revents, POLLIN);
  for (int i = 0; i < kDeepest; i++) CHECK_EQ(close(nest[i]), 0);
  wait_readable(state);
}

CASE(epoll_in_epoll_in_epoll) {
  struct Epoll state;
  struct epoll_event event;
  int nest[kDeepest];
  open_epoll(&state, EPOLLIN);
  meet(wait_for_outermost, write_byte, &state);
  meet(poll_outermost, write_byte, &state);
  open_nest(nest, state.ends[kReadEnd]);
  CHECK_EQ(epoll_wait(nest[kDeepest - 1], &event, 1, kShort), 0);
  for (int i = 0; i < kDeepest; i++) CHECK_EQ(close(nest[i]), 0);
  close_epoll(&state);
}

// Nothing else happens in this process until then, so nothing else has it look.
static void* wait_for_other_process(void* unused) {
  struct Epoll state;
  struct epoll_event event;
  int nest[kDeepest];
  open_epoll(&state, EPOLLIN);
  open_nest(nest, state.ends[kReadEnd]);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    usleep(kShort * 1000);
    write_byte(&state);
    _exit(0);
  }
  CHECK_EQ(epoll_wait(nest[kDeepest - 1], &event, 1, -1), 1);
  CHECK_EQ(waitpid(child, NULL, 0), child);
  for (int i = 0; i < kDeepest; i++) CHECK_EQ(close(nest[i]), 0);
  close_epoll(&state);
  return unused;
}

CASE(epoll_in_epoll_in_epoll_of_another_process) { join(start(wait_for_other_process, NULL)); }

static void* wait_for_one_event(void* epoll) {
  struct epoll_event event;
  entering();
  CHECK_EQ(epoll_wait(*(int*)epoll, &event, 1, -1), 1);
  return NULL;
}

// Each of the events is told once: every thread gets one of them, and with edges nobody gets another's again.
static void check_each_wakes_one(uint32_t events) {
  int ends[kWorkers][2], epoll = epoll_create1(0);
  pthread_t threads[kWorkers];
  static int entered_before;
  for (int i = 0; i < kWorkers; i++) {
    open_pipe(ends[i]);
    add_to_epoll(epoll, ends[i][kReadEnd], events);
    threads[i] = start(wait_for_one_event, &epoll);
  }
  await_entered(entered_before += kWorkers);
  for (int i = 0; i < kWorkers; i++) CHECK_EQ(write(ends[i][kWriteEnd], "x", 1), 1);
  join_all(threads, kWorkers);
  struct epoll_event event;
  CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
  for (int i = 0; i < kWorkers; i++) close_both(ends[i]);
  close(epoll);
}

CASE(each_event_wakes_one) {
  check_each_wakes_one(EPOLLIN | EPOLLET);
  check_each_wakes_one(EPOLLIN | EPOLLONESHOT);
  check_each_wakes_one(EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
}

static void* take_events(void* argument) {
  struct Epoll* state = argument;
  long taken = 0;
  for (;;) {
    struct epoll_event event;
    char byte;
    CHECK_EQ(epoll_wait(state->epoll, &event, 1, -1), 1);
    if (event.data.fd == state->ends[kReadEnd]) return (void*)taken;  // the sign to end; it stays readable
    CHECK_EQ(read(event.data.fd, &byte, 1), 1);
    taken++;
    event.events = EPOLLIN | EPOLLONESHOT;
    CHECK_EQ(epoll_ctl(state->epoll, EPOLL_CTL_MOD, event.data.fd, &event), 0);
  }
}

static void await_empty(int fd) {
  struct pollfd readable = {fd, POLLIN, 0};
  while (poll(&readable, 1, 0) == 1) usleep(100);
}

CASE(several_threads_wait_on_one_epoll) {
  struct Epoll state;
  pthread_t workers[kWorkers];
  int pipes[kMany][2];
  long taken = 0;
  open_epoll(&state, EPOLLIN);
  for (int i = 0; i < kWorkers; i++) workers[i] = start(take_events, &state);
  for (int i = 0; i < kMany; i++) {
    open_pipe(pipes[i]);
    add_to_epoll(state.epoll, pipes[i][kReadEnd], EPOLLIN | EPOLLONESHOT);
  }
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < kMany; i++) CHECK_EQ(write(pipes[i][kWriteEnd], "x", 1), 1);
  for (int i = 0; i < kMany; i++) await_empty(pipes[i][kReadEnd]);
  write_byte(&state);
  for (int i = 0; i < kWorkers; i++) taken += (long)join(workers[i]);
  CHECK_EQ(taken, 3 * kMany);
  for (int i = 0; i < kMany; i++) close_both(pipes[i]);
  close_epoll(&state);
}
