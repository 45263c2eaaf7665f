// pthread_getattr_np: what a running thread's stack and attributes are.
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/case.h"

struct Stack {
  char *low, *high;
  size_t guard;
  int detached;
};

static struct Stack stack_of(pthread_t thread) {
  pthread_attr_t attributes;
  struct Stack stack;
  void* low = NULL;
  size_t size = 0;
  errno = EXDEV;
  CHECK_EQ(pthread_getattr_np(thread, &attributes), 0);
  CHECK_EQ(errno, EXDEV);
  CHECK_EQ(pthread_attr_getstack(&attributes, &low, &size), 0);
  CHECK_EQ(pthread_attr_getguardsize(&attributes, &stack.guard), 0);
  CHECK_EQ(pthread_attr_getdetachstate(&attributes, &stack.detached), 0);
  CHECK_EQ(pthread_attr_destroy(&attributes), 0);
  stack.low = low;
  stack.high = stack.low + size;
  return stack;
}

static bool holds(struct Stack stack, const void* address) {
  return (char*)address >= stack.low + stack.guard && (char*)address < stack.high;
}

static void* look_at_itself(void* size) {
  int local = 0;
  const struct Stack stack = stack_of(pthread_self());
  CHECK(holds(stack, &local));
  CHECK(stack.high - stack.low >= (intptr_t)size);
  CHECK_EQ(stack.guard, getpagesize());
  CHECK_EQ(stack.detached, PTHREAD_CREATE_JOINABLE);
  // All of it but the guard can be used.
  *(volatile char*)(stack.low + stack.guard) = 1;
  return NULL;
}

CASE(own_stack) { join(start(look_at_itself, (void*)(8 << 20))); }

CASE(stack_of_a_size) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
  CHECK_EQ(pthread_create(&thread, &attributes, look_at_itself, (void*)(256 << 10)), 0);
  join(thread);
}

static char* given;
enum { kGivenSize = 128 << 10 };

static void* look_at_given(void* unused) {
  const struct Stack stack = stack_of(pthread_self());
  CHECK(holds(stack, &stack));
  CHECK(stack.low == given && stack.high == given + kGivenSize);
  return unused;
}

CASE(stack_of_the_programs_own) {
  pthread_attr_t attributes;
  pthread_t thread;
  given = mmap(NULL, kGivenSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_init(&attributes);
  CHECK_EQ(pthread_attr_setstack(&attributes, given, kGivenSize), 0);
  CHECK_EQ(pthread_create(&thread, &attributes, look_at_given, NULL), 0);
  join(thread);
}

static void* look_at_main(void* of_main) {
  CHECK(holds(stack_of(*(pthread_t*)of_main), of_main));
  return NULL;
}

CASE(of_the_main_thread) {
  pthread_t self = pthread_self();
  join(start(look_at_main, &self));
  look_at_main(&self);
}

static char* local_of_another;
static int may_end;

static void* wait_for_end(void* unused) {
  char local = 0;
  local_of_another = &local;
  await_flag(&may_end);
  return unused;
}

CASE(of_another) {
  pthread_t thread = start(wait_for_end, NULL);
  while (__atomic_load_n(&local_of_another, __ATOMIC_SEQ_CST) == NULL) sched_yield();
  CHECK(holds(stack_of(thread), local_of_another));
  CHECK_EQ(stack_of(thread).detached, PTHREAD_CREATE_JOINABLE);
  CHECK_EQ(pthread_detach(thread), 0);
  CHECK_EQ(stack_of(thread).detached, PTHREAD_CREATE_DETACHED);
  set_flag(&may_end);
}

static void* compare_affinity(void* unused) {
  cpu_set_t by_attributes, by_call;
  pthread_attr_t attributes;
  CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  CHECK_EQ(pthread_attr_getaffinity_np(&attributes, sizeof by_attributes, &by_attributes), 0);
  pthread_attr_destroy(&attributes);
  CHECK_EQ(sched_getaffinity(0, sizeof by_call, &by_call), 0);
  CHECK(CPU_EQUAL(&by_attributes, &by_call));
  return unused;
}

CASE(affinity) { join(start(compare_affinity, NULL)); }

static void* fork_and_look(void* unused) {
  int status = -1;
  const pid_t child = fork();
  if (child == 0) _exit(holds(stack_of(pthread_self()), &status) ? 0 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  return unused;
}

CASE(in_a_forked_child) { join(start(fork_and_look, NULL)); }
