// Cancellation points, each stated four ways (holds.h): cancelled while it waits; cancelled before it is called; with
// cancellation disabled; and that what was cancelled has done nothing.
//
//     static void make_read(void) { if (read(ends[0], &byte, 1) < 0) perror("read"); }
//     POINT(read, .make = make_read, .end = write_byte, .prepare = open_ends, .clean = close_ends)
#pragma once

#include <stdbool.h>

#include "tests/support/case.h"

struct Point {
  const char* interface;
  void (*make)(void);     // the call, for which a thread of its own waits
  void (*end)(void);      // lets that call come to its end; NULL for one that does not wait
  void (*at_once)(void);  // before a call that is not to wait: what else end() does
  void (*prepare)(void);  // before each thread, and clean() after it; may be NULL
  void (*clean)(void);
  bool (*is_unharmed)(void);  // whether the cancelled call has done nothing; may be NULL
};

void state_point(const struct Point* point);

#define POINT(name, ...)                                          \
  CASE(name) {                                                    \
    const struct Point point = {.interface = #name, __VA_ARGS__}; \
    state_point(&point);                                          \
  }
