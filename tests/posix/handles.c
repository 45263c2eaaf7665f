// Handles of threads that are no more. POSIX leaves it undefined and glibc may touch freed memory; here each call
// answers as for a thread that does not exist, and two threads that join each other, or two that join one, are told so.
#include <sched.h>
#include <signal.h>
#include <stdint.h>

#include "tests/posix/holds.h"

static void* give_back(void* value) { return value; }

static void check_all(pthread_t thread) {
  struct sched_param parameters = {0};
  struct timespec past = {1, 0};
  pthread_attr_t attributes;
  clockid_t clock;
  char name[16];
  int policy;
  HOLDS(pthread_join, "ESRCH for a thread that is no more", pthread_join(thread, NULL) == ESRCH);
  HOLDS(pthread_tryjoin_np, "ESRCH for a thread that is no more", pthread_tryjoin_np(thread, NULL) == ESRCH);
  HOLDS(pthread_timedjoin_np, "ESRCH for a thread that is no more", pthread_timedjoin_np(thread, NULL, &past) == ESRCH);
  HOLDS(pthread_clockjoin_np, "ESRCH for a thread that is no more",
        pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &past) == ESRCH);
  HOLDS(pthread_detach, "ESRCH for a thread that is no more", pthread_detach(thread) == ESRCH);
  HOLDS(pthread_kill, "ESRCH for a thread that is no more", pthread_kill(thread, 0) == ESRCH);
  HOLDS(pthread_cancel, "ESRCH for a thread that is no more", pthread_cancel(thread) == ESRCH);
  HOLDS(pthread_getattr_np, "ESRCH for a thread that is no more", pthread_getattr_np(thread, &attributes) == ESRCH);
  HOLDS(pthread_getcpuclockid, "ESRCH for a thread that is no more", pthread_getcpuclockid(thread, &clock) == ESRCH);
  HOLDS(pthread_getschedparam, "ESRCH for a thread that is no more",
        pthread_getschedparam(thread, &policy, &parameters) == ESRCH);
  HOLDS(pthread_setschedparam, "ESRCH for a thread that is no more",
        pthread_setschedparam(thread, SCHED_OTHER, &parameters) == ESRCH);
  HOLDS(pthread_setschedprio, "ESRCH for a thread that is no more", pthread_setschedprio(thread, 0) == ESRCH);
  HOLDS(pthread_getname_np, "ENOENT for a thread that is no more",
        pthread_getname_np(thread, name, sizeof name) == ENOENT);
  HOLDS(pthread_setname_np, "ENOENT for a thread that is no more", pthread_setname_np(thread, "name") == ENOENT);
}

CASE(joined) {
  pthread_t thread = start(give_back, NULL);
  join(thread);
  check_all(thread);
}

CASE(detached) {
  pthread_t thread = start(give_back, NULL);
  CHECK_EQ(pthread_detach(thread), 0);
  while (pthread_kill(thread, 0) == 0) sched_yield();
  check_all(thread);
}

static pthread_t pair[2];
static int begun, may_end;

static int errors[2], returned[2];

// Number i joins the other one.
static void* join_the_other(void* number) {
  intptr_t i = (intptr_t)number;
  await_flag(&begun);
  errors[i] = pthread_join(pair[1 - i], NULL);
  set_flag(&returned[i]);
  return NULL;
}

CASE(threads_that_join_each_other) {
  for (intptr_t i = 0; i < 2; i++) pair[i] = start(join_the_other, (void*)i);
  set_flag(&begun);
  for (int i = 0; i < 2; i++) await_flag(&returned[i]);
  const bool told[] = {errors[0] == EDEADLK, errors[1] == EDEADLK};
  HOLDS(pthread_join, "EDEADLK for one of two threads that join each other", told[0] || told[1]);
  HOLDS(pthread_join, "the other joins that one", (told[0] || errors[0] == 0) && (told[1] || errors[1] == 0));
}

static void* wait_for_end(void* unused) {
  await_flag(&may_end);
  return unused;
}

static void* join_it(void* thread) {
  set_flag(&begun);
  return (void*)(intptr_t)pthread_join(*(pthread_t*)thread, NULL);
}

CASE(two_joiners) {
  begun = may_end = 0;
  pthread_t thread = start(wait_for_end, NULL), target = thread;
  pthread_t joiner = start(join_it, &target);
  await_flag(&begun);
  usleep(20000);
  HOLDS(pthread_join, "EINVAL where another thread joins it already", pthread_join(thread, NULL) == EINVAL);
  HOLDS(pthread_detach, "0 for a thread that another joins", pthread_detach(thread) == 0);
  set_flag(&may_end);
  HOLDS(pthread_join, "who joined first is not disturbed", join(joiner) == NULL);
}
