// An epoll instance that watches one end of a connection, and the two sides of a wait at it, for meet().
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

struct Epoll {
  int epoll;
  int ends[2];
};

void add_to_epoll(int epoll, int fd, uint32_t events);
void open_epoll(struct Epoll* state, uint32_t events);  // watches the reading end
void close_epoll(struct Epoll* state);

// `count` events are the one of that end; takes the byte that it tells of.
void check_readable(const struct Epoll* state, int count, const struct epoll_event* event);

// The two sides; `state` is a struct Epoll.
void wait_readable(void* state);
void write_byte(void* state);
