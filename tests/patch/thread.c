// pthread_create, join, detach, exit, self, equal and the joins with a deadline.
#include <limits.h>
#include <sched.h>
#include <stdint.h>

#include "tests/support/case.h"

enum { kMany = 500, kShort = 20, kDeepStack = 64 << 20 };

static void* add_one(void* argument) { return (void*)((intptr_t)argument + 1); }

CASE(pthread_create) {
  pthread_t threads[kMany];
  for (intptr_t i = 0; i < kMany; i++) threads[i] = start(add_one, (void*)i);
  for (intptr_t i = 0; i < kMany; i++) CHECK_EQ((intptr_t)join(threads[i]), i + 1);
}

static void* count_descendants(void* depth) {
  if (depth == NULL) return (void*)1;
  pthread_t left = start(count_descendants, (char*)depth - 1), right = start(count_descendants, (char*)depth - 1);
  return (void*)((intptr_t)join(left) + (intptr_t)join(right) + 1);
}

CASE(threads_create_threads) { CHECK_EQ((intptr_t)count_descendants((void*)6), 127); }

struct Gate {
  pthread_t waits_for;
  int is_open;
};

static void* pass_gate(void* argument) {
  await_flag(&((struct Gate*)argument)->is_open);
  return (void*)77;
}

static void join_gate_thread(void* argument) {
  struct Gate* gate = argument;
  CHECK_EQ((intptr_t)join(gate->waits_for), 77);
  *gate = (struct Gate){0};
  gate->waits_for = start(pass_gate, gate);
}

static void open_gate(void* gate) { set_flag(&((struct Gate*)gate)->is_open); }

static void meet_at_gate(void (*join_function)(void*)) {
  struct Gate gate = {0};
  gate.waits_for = start(pass_gate, &gate);
  meet(join_function, open_gate, &gate);
  open_gate(&gate);
  join(gate.waits_for);
}

CASE(pthread_join) { meet_at_gate(join_gate_thread); }

static void* join_thread_in_thread(void* thread) {
  entering();
  return join(*(pthread_t*)thread);
}

CASE(joins_in_a_chain) {
  struct Gate gate = {0};
  pthread_t chain[20];
  gate.waits_for = chain[0] = start(pass_gate, &gate);
  for (int i = 1; i < 20; i++) chain[i] = start(join_thread_in_thread, &chain[i - 1]);
  await_entered(19);
  open_gate(&gate);
  CHECK_EQ((intptr_t)join(chain[19]), 77);
}

CASE(errors_of_join) {
  CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
  CHECK_EQ(pthread_tryjoin_np(pthread_self(), NULL), EBUSY);
  static struct Gate gate;  // outlives the thread, which nobody joins
  pthread_t thread = start(pass_gate, &gate);
  CHECK_EQ(pthread_detach(thread), 0);
  CHECK_EQ(pthread_join(thread, NULL), EINVAL);
  CHECK_EQ(pthread_tryjoin_np(thread, NULL), EBUSY);
  CHECK_EQ(pthread_detach(thread), EINVAL);
  open_gate(&gate);
}

static void try_until_joined(void* argument) {
  struct Gate* gate = argument;
  void* result = NULL;
  int error;
  while ((error = pthread_tryjoin_np(gate->waits_for, &result)) == EBUSY) usleep(100);
  CHECK_EQ(error, 0);
  CHECK_EQ((intptr_t)result, 77);
  *gate = (struct Gate){0};
  gate->waits_for = start(pass_gate, gate);
}

CASE(pthread_tryjoin_np) {
  meet_at_gate(try_until_joined);
  struct Gate gate = {0};
  pthread_t thread = start(pass_gate, &gate);
  CHECK_EQ(pthread_tryjoin_np(thread, NULL), EBUSY);
  open_gate(&gate);
  join(thread);
}

static void timed_join_gate_thread(void* argument) {
  struct Gate* gate = argument;
  void* result = NULL;
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  CHECK_EQ(pthread_timedjoin_np(gate->waits_for, &result, &deadline), 0);
  CHECK_EQ((intptr_t)result, 77);
  *gate = (struct Gate){0};
  gate->waits_for = start(pass_gate, gate);
}

CASE(pthread_timedjoin_np) {
  meet_at_gate(timed_join_gate_thread);
  struct Gate gate = {0};
  pthread_t thread = start(pass_gate, &gate);
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  CHECK_EQ(pthread_timedjoin_np(thread, NULL, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_EQ(pthread_timedjoin_np(thread, NULL, &deadline), ETIMEDOUT);
  open_gate(&gate);
  CHECK_EQ(pthread_timedjoin_np(thread, NULL, NULL), 0);
}

static void clock_join_gate_thread(void* argument) {
  struct Gate* gate = argument;
  void* result = NULL;
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  CHECK_EQ(pthread_clockjoin_np(gate->waits_for, &result, CLOCK_MONOTONIC, &deadline), 0);
  CHECK_EQ((intptr_t)result, 77);
  *gate = (struct Gate){0};
  gate->waits_for = start(pass_gate, gate);
}

CASE(pthread_clockjoin_np) {
  meet_at_gate(clock_join_gate_thread);
  struct Gate gate = {0};
  pthread_t thread = start(pass_gate, &gate);
  for (int i = 0; i < 2; i++) {
    clockid_t clock = i ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    struct timespec deadline = in_ms(clock, kShort);
    CHECK_EQ(pthread_clockjoin_np(thread, NULL, clock, &deadline), ETIMEDOUT);
    CHECK(now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
    CHECK_EQ(pthread_clockjoin_np(thread, NULL, CLOCK_PROCESS_CPUTIME_ID, &deadline), EINVAL);
  }
  open_gate(&gate);
  join(thread);
}

static int detached_done;

static void* count_down_detached(void* detach_self) {
  if (detach_self) CHECK_EQ(pthread_detach(pthread_self()), 0);
  usleep(100);
  __atomic_fetch_add(&detached_done, 1, __ATOMIC_RELEASE);
  return NULL;
}

CASE(pthread_detach) {
  pthread_attr_t detached;
  pthread_t thread;
  CHECK_EQ(pthread_attr_init(&detached), 0);
  CHECK_EQ(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED), 0);
  for (int i = 0; i < kMany; i++) {
    int way = i % 3;
    CHECK_EQ(pthread_create(&thread, way == 0 ? &detached : NULL, count_down_detached, way == 1 ? &thread : NULL), 0);
    if (way == 2) CHECK_EQ(pthread_detach(thread), 0);
  }
  while (__atomic_load_n(&detached_done, __ATOMIC_ACQUIRE) < kMany) usleep(100);
  CHECK_EQ(pthread_attr_destroy(&detached), 0);
}

static int exit_below(int depth, int bottom) {
  if (depth == bottom) pthread_exit((void*)99);
  return depth < 0 ? 0 : exit_below(depth - 1, bottom) + 1;
}

static void* exit_from_nested_calls(void* depth) { return (void*)(intptr_t)exit_below((int)(intptr_t)depth, 0); }

static void* exit_after_sleep(void* value) {
  usleep(1000);
  pthread_exit(value);
}

CASE(pthread_exit) {
  CHECK_EQ((intptr_t)join(start(exit_from_nested_calls, (void*)30)), 99);
  pthread_t threads[50];
  for (intptr_t i = 0; i < 50; i++) threads[i] = start(exit_after_sleep, (void*)i);
  for (intptr_t i = 0; i < 50; i++) CHECK_EQ((intptr_t)join(threads[i]), i);
}

static void* check_self(void* created) {
  await_flag(&((struct Gate*)created)->is_open);
  pthread_t self = pthread_self();
  CHECK(pthread_equal(self, ((struct Gate*)created)->waits_for));
  usleep(100);
  CHECK(pthread_equal(self, pthread_self()));
  return NULL;
}

static void check_identity(void) {
  struct Gate gates[20] = {0};
  pthread_t self = pthread_self();
  for (int i = 0; i < 20; i++) gates[i].waits_for = start(check_self, &gates[i]);
  for (int i = 0; i < 20; i++) {
    CHECK(!pthread_equal(gates[i].waits_for, self));
    for (int k = 0; k < i; k++) CHECK(!pthread_equal(gates[i].waits_for, gates[k].waits_for));
  }
  for (int i = 0; i < 20; i++) open_gate(&gates[i]);
  for (int i = 0; i < 20; i++) join(gates[i].waits_for);
  CHECK(pthread_equal(self, pthread_self()));
}

CASE(pthread_self) { check_identity(); }
CASE(pthread_equal) { check_identity(); }

static intptr_t use_stack(intptr_t kilobytes) {
  volatile char frame[1024];
  frame[0] = (char)kilobytes;
  frame[1023] = 1;
  return kilobytes == 0 ? 0 : use_stack(kilobytes - 1) + frame[1023];
}

static void* use_deep_stack(void* kilobytes) { return (void*)use_stack((intptr_t)kilobytes); }

CASE(stacks_are_as_large_as_asked_for) {
  pthread_attr_t attributes;
  pthread_t thread;
  size_t size;
  CHECK_EQ(pthread_attr_init(&attributes), 0);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN - 1), EINVAL);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, kDeepStack), 0);
  CHECK_EQ(pthread_attr_getstacksize(&attributes, &size), 0);
  CHECK_EQ(size, kDeepStack);
  CHECK_EQ(pthread_create(&thread, &attributes, use_deep_stack, (void*)40000), 0);
  CHECK_EQ((intptr_t)join(thread), 40000);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, 65536), 0);
  CHECK_EQ(pthread_create(&thread, &attributes, use_deep_stack, (void*)30), 0);
  CHECK_EQ((intptr_t)join(thread), 30);
  CHECK_EQ(pthread_attr_destroy(&attributes), 0);
}

CASE(the_default_stack_is_eight_megabytes) { CHECK_EQ((intptr_t)join(start(use_deep_stack, (void*)6000)), 6000); }

// errno is the thread's own, also across waits of others that set it.
static void* keep_errno(void* number) {
  for (int i = 0; i < 100; i++) {
    errno = (int)(intptr_t)number;
    sched_yield();
    CHECK_EQ(errno, (intptr_t)number);
    if (i % 10 == 0) usleep(10);
    CHECK_EQ(errno, (intptr_t)number);
  }
  return NULL;
}

CASE(errno_is_each_threads_own) {
  pthread_t threads[50];
  errno = 1000;
  for (intptr_t i = 0; i < 50; i++) threads[i] = start(keep_errno, (void*)(i + 1));
  join_all(threads, 50);
  CHECK_EQ(errno, 1000);
}

static void* fail_differently(void* number) {
  char byte;
  for (int i = 0; i < 100; i++) {
    if ((intptr_t)number % 2) CHECK_FAILS(read(-1, &byte, 1), EBADF);
    if ((intptr_t)number % 2 == 0) CHECK_FAILS(nanosleep(&(struct timespec){0, -1}, NULL), EINVAL);
    int error = errno;
    sched_yield();
    CHECK_EQ(errno, error);
  }
  return NULL;
}

CASE(failing_calls_set_the_callers_errno) {
  pthread_t threads[20];
  for (intptr_t i = 0; i < 20; i++) threads[i] = start(fail_differently, (void*)i);
  join_all(threads, 20);
}

CASE(waves_of_threads_end_and_begin) {
  pthread_t threads[100];
  for (int wave = 0; wave < 30; wave++) {
    for (intptr_t i = 0; i < 100; i++) threads[i] = start(i % 2 ? add_one : exit_after_sleep, (void*)i);
    for (intptr_t i = 0; i < 100; i++) CHECK_EQ((intptr_t)join(threads[i]), i + i % 2);
  }
}
