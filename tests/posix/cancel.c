// pthread_cancel, pthread_setcancelstate, pthread_setcanceltype, pthread_testcancel, pthread_cleanup_push:
// POSIX.1-2017.
#include <sched.h>
#include <signal.h>

#include "tests/posix/holds.h"

static void* nothing(void* argument) { return argument; }

static int state_of(int state) {
  int before = -1;
  pthread_setcancelstate(state, &before);
  return before;
}

static int type_of(int type) {
  int before = -1;
  pthread_setcanceltype(type, &before);
  return before;
}

static void state_defaults(void) {
  HOLDS(pthread_setcancelstate, "a thread begins with PTHREAD_CANCEL_ENABLE",
        state_of(PTHREAD_CANCEL_DISABLE) == PTHREAD_CANCEL_ENABLE);
  HOLDS(pthread_setcancelstate, "returns the state before", state_of(PTHREAD_CANCEL_ENABLE) == PTHREAD_CANCEL_DISABLE);
  HOLDS(pthread_setcanceltype, "a thread begins with PTHREAD_CANCEL_DEFERRED",
        type_of(PTHREAD_CANCEL_ASYNCHRONOUS) == PTHREAD_CANCEL_DEFERRED);
  HOLDS(pthread_setcanceltype, "returns the type before",
        type_of(PTHREAD_CANCEL_DEFERRED) == PTHREAD_CANCEL_ASYNCHRONOUS);
}

static void* state_in_thread(void* argument) {
  state_defaults();
  return argument;
}

CASE(state_and_type) {
  state_defaults();
  join(start(state_in_thread, NULL));
  HOLDS(pthread_setcancelstate, "EINVAL for what is no state", pthread_setcancelstate(17, NULL) == EINVAL);
  HOLDS(pthread_setcanceltype, "EINVAL for what is no type", pthread_setcanceltype(17, NULL) == EINVAL);
  HOLDS(pthread_setcancelstate, "takes a null pointer for the state before",
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
}

// The state and type are each thread's own.
static void* disable(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  sched_yield();
  return argument;
}

CASE(of_each_thread) {
  join(start(disable, NULL));
  HOLDS(pthread_setcancelstate, "is the calling thread's alone",
        state_of(PTHREAD_CANCEL_ENABLE) == PTHREAD_CANCEL_ENABLE);
  HOLDS(pthread_setcanceltype, "is the calling thread's alone",
        type_of(PTHREAD_CANCEL_DEFERRED) == PTHREAD_CANCEL_DEFERRED);
}

// Deferred.
static int go, reached;

static void* test_when_told(void* argument) {
  entering();
  while (!is_set(&go)) sched_yield();
  reached = 1;
  pthread_testcancel();
  reached = 2;
  return argument;
}

CASE(testcancel) {
  go = reached = 0;
  pthread_t thread = start(test_when_told, NULL);
  await_entered(1);
  HOLDS(pthread_cancel, "returns 0", pthread_cancel(thread) == 0);
  HOLDS(pthread_cancel, "returns 0 for a thread that has been cancelled already", pthread_cancel(thread) == 0);
  set_flag(&go);
  HOLDS(pthread_testcancel, "ends a thread that has been cancelled", join(thread) == PTHREAD_CANCELED);
  HOLDS(pthread_cancel, "by default a thread runs on to its next cancellation point", reached == 1);
  go = 1;
  HOLDS(pthread_testcancel, "does nothing where the thread has not been cancelled",
        join(start(test_when_told, &go)) == &go && reached == 2);
}

static void* test_disabled(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  entering();
  while (!is_set(&go)) sched_yield();
  pthread_testcancel();
  reached = 1;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  reached = 2;
  pthread_testcancel();
  reached = 3;
  return argument;
}

CASE(disabled) {
  go = reached = 0;
  pthread_t thread = start(test_disabled, NULL);
  await_entered(1);
  pthread_cancel(thread);
  set_flag(&go);
  HOLDS(pthread_setcancelstate, "a cancel is held pending until it is enabled", join(thread) == PTHREAD_CANCELED);
  HOLDS(pthread_testcancel, "does nothing where cancellation is disabled", reached >= 1);
  HOLDS(pthread_setcancelstate, "is no cancellation point", reached == 2);
}

static void* cancel_self(void* argument) {
  reached = 0;
  pthread_cancel(pthread_self());
  reached = 1;
  pthread_testcancel();
  return argument;
}

static void* cancel_self_at_once(void* argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  reached = 0;
  pthread_cancel(pthread_self());
  reached = 1;
  return argument;
}

CASE(self) {
  HOLDS(pthread_cancel, "a thread may cancel itself", join(start(cancel_self, NULL)) == PTHREAD_CANCELED);
  HOLDS(pthread_cancel, "that is deferred too", reached == 1);
  HOLDS(pthread_cancel, "of itself, asynchronously, acts at once",
        join(start(cancel_self_at_once, NULL)) == PTHREAD_CANCELED && reached == 0);
}

// Asynchronous.
static volatile unsigned long spins;

static void* compute(void* argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  entering();
  for (;;) spins++;
  return argument;
}

CASE(asynchronous) {
  pthread_t thread = start(compute, NULL);
  await_entered(1);
  pthread_cancel(thread);
  HOLDS(pthread_setcanceltype, "a thread that computes is cancelled at any time", join(thread) == PTHREAD_CANCELED);
}

static void* yield_always(void* argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  entering();
  for (;;) sched_yield();
  return argument;
}

CASE(asynchronous_yield) {
  pthread_t thread = start(yield_always, NULL);
  await_entered(1);
  pthread_cancel(thread);
  HOLDS(pthread_setcanceltype, "so is one that yields", join(thread) == PTHREAD_CANCELED);
}

static void* compute_disabled(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  entering();
  while (!is_set(&go)) spins++;
  reached = 1;
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  reached = 2;
  return argument;
}

CASE(asynchronous_but_disabled) {
  go = reached = 0;
  pthread_t thread = start(compute_disabled, NULL);
  await_entered(1);
  pthread_cancel(thread);
  set_flag(&go);
  HOLDS(pthread_setcancelstate, "an asynchronous cancel is held pending, and acts when it is enabled",
        join(thread) == PTHREAD_CANCELED && reached == 1);
}

static void* become_asynchronous(void* argument) {
  pthread_cancel(pthread_self());
  reached = 1;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  reached = 2;
  return argument;
}

CASE(pending_when_it_becomes_asynchronous) {
  void* result = join(start(become_asynchronous, NULL));
  HOLDS(pthread_setcanceltype, "a pending cancel acts when the type becomes asynchronous",
        result == PTHREAD_CANCELED && reached == 1);
}

// Detached, ended.
static int detached_ended;

static void note_end(void* flag) { set_flag(flag); }

static void* wait_detached(void* argument) {
  pthread_detach(pthread_self());
  pthread_cleanup_push(note_end, argument);
  entering();
  for (;;) pause();
  pthread_cleanup_pop(0);
  return NULL;
}

CASE(detached) {
  pthread_t thread = start(wait_detached, &detached_ended);
  await_entered(1);
  HOLDS(pthread_cancel, "a detached thread can be cancelled", pthread_cancel(thread) == 0);
  while (!is_set(&detached_ended)) usleep(100);
  HOLDS(pthread_cleanup_push, "its handlers run", is_set(&detached_ended));
}

static void* leave_word(void* flag) {
  set_flag(flag);
  return flag;
}

CASE(ended) {
  int ended = 0;
  pthread_t thread = start(leave_word, &ended);
  await_flag(&ended);
  usleep(1000);
  HOLDS(pthread_cancel, "returns 0 for a thread that has ended and is not joined", pthread_cancel(thread) == 0);
  HOLDS(pthread_cancel, "and what that returned stays", join(thread) == &ended);
}

static void* sleep_and_return(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  entering();
  usleep(2000);
  return argument;
}

CASE(return_with_pending) {
  pthread_t thread = start(sleep_and_return, &go);
  await_entered(1);
  pthread_cancel(thread);
  HOLDS(pthread_cancel, "a thread that returns before it acts joins with its result", join(thread) == &go);
  HOLDS(pthread_cancel, "and the next thread has no cancel pending", join(start(test_when_told, &go)) == &go);
}

static void* cancel_another(void* thread) {
  pthread_cancel(*(pthread_t*)thread);
  return thread;
}

static void* pause_for_ever(void* argument) {
  entering();
  for (;;) pause();
  return argument;
}

CASE(by_another_thread) {
  pthread_t victim = start(pause_for_ever, NULL);
  await_entered(1);
  join(start(cancel_another, &victim));
  HOLDS(pthread_cancel, "any thread may cancel any other", join(victim) == PTHREAD_CANCELED);
  join(start(nothing, NULL));
}

enum { kMany = 200 };

CASE(many) {
  pthread_t threads[kMany];
  int cancelled = 0;
  for (int i = 0; i < kMany; i++) threads[i] = start(pause_for_ever, NULL);
  await_entered(kMany);
  for (int i = 0; i < kMany; i++) pthread_cancel(threads[i]);
  for (int i = 0; i < kMany; i++) cancelled += join(threads[i]) == PTHREAD_CANCELED;
  HOLDS(pthread_cancel, "of two hundred threads ends them all", cancelled == kMany);
}
