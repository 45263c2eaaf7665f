// What a call by another thread returns. The caller waits for it: one thread at a time states what holds.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "tests/support/case.h"

struct CallByAnother {
  int (*call)(void*);
  void* argument;
};

static inline void* call_by_another(void* data) {
  struct CallByAnother* by = data;
  return (void*)(intptr_t)by->call(by->argument);
}

static inline int by_another(int (*call)(void*), void* argument) {
  struct CallByAnother by = {call, argument};
  return (int)(intptr_t)join(start(call_by_another, &by));
}
