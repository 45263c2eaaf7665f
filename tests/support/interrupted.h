// What a handler does to a call that its thread is blocked in: signal(7), "Interruption of system calls".
#pragma once

#include <stddef.h>

struct Blocking {
  const char* name;       // of the interface
  const char* where;      // what is special about this call of it; "" for none
  void (*prepare)(void);  // so that call() blocks
  long (*call)(void);     // in one thread; -1 and errno where it fails
  void (*end)(void);      // in another, so that call() returns `result`; NULL: only a handler ends it
  void (*clean)(void);    // afterwards, whatever call() returned
  long result;
  enum { never_restarts, restarts, goes_on } after;  // goes_on: also after a handler without SA_RESTART
};

// States each of these, with the call in the main thread and in another.
void state_interruptions(const struct Blocking* calls, size_t count);

#define STATE(calls) state_interruptions(calls, sizeof(calls) / sizeof(calls)[0])

void nothing(void);
