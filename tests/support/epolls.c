#include "tests/support/epolls.h"

#include "tests/support/case.h"
#include "tests/support/sockets.h"

void add_to_epoll(int epoll, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

void open_epoll(struct Epoll* state, uint32_t events) {
  state->epoll = epoll_create1(EPOLL_CLOEXEC);
  open_pair(SOCK_STREAM, state->ends);
  add_to_epoll(state->epoll, state->ends[kReadEnd], events);
}

void close_epoll(struct Epoll* state) {
  close_both(state->ends);
  close(state->epoll);
}

void check_readable(const struct Epoll* state, int count, const struct epoll_event* event) {
  char byte;
  CHECK_EQ(count, 1);
  CHECK_EQ(event->events, EPOLLIN);
  CHECK_EQ(event->data.fd, state->ends[kReadEnd]);
  check_blocking(state->ends[kReadEnd]);
  CHECK_EQ(read(state->ends[kReadEnd], &byte, 1), 1);
}

void wait_readable(void* argument) {
  struct Epoll* state = argument;
  struct epoll_event events[8];
  int count = epoll_wait(state->epoll, events, 8, -1);
  check_readable(state, count, events);
}

void write_byte(void* state) { CHECK_EQ(write(((struct Epoll*)state)->ends[kWriteEnd], "x", 1), 1); }
