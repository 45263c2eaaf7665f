// Joining and detaching in all orders: pthread_join and its kin, pthread_detach, POSIX.1-2017 and the Linux man pages.
#include <sched.h>
#include <signal.h>
#include <stdint.h>

#include "tests/posix/holds.h"

static int begun, may_end;

static void* wait_for_end(void* result) {
  set_flag(&begun);
  await_flag(&may_end);
  set_flag(&begun);  // for who cannot join
  return result;
}

static pthread_t start_waiting(void) {
  begun = may_end = 0;
  pthread_t thread = start(wait_for_end, &may_end);
  await_flag(&begun);
  return thread;
}

static void* give_back(void* value) { return value; }

// A thread that has ended, but for what libc does then.
static pthread_t start_ended(void* value) {
  pthread_t thread = start(give_back, value);
  while (pthread_kill(thread, 0) == 0 && pthread_getcpuclockid(thread, &(clockid_t){0}) == 0) sched_yield();
  return thread;
}

static bool is_ended(pthread_t thread, void* result) {
  void* got = NULL;
  set_flag(&may_end);
  return pthread_join(thread, &got) == 0 && got == result;
}

CASE(ended_before) {
  void* result = NULL;
  int value;
  pthread_t thread = start_ended(&value);
  HOLDS(pthread_join, "of a thread that has ended gives its result",
        pthread_join(thread, &result) == 0 && result == &value);
  thread = start_ended(&value);
  HOLDS(pthread_tryjoin_np, "of a thread that has ended gives its result",
        pthread_tryjoin_np(thread, &result) == 0 && result == &value);
  thread = start_ended(&value);
  HOLDS(pthread_detach, "takes a thread that has ended", pthread_detach(thread) == 0);
  thread = start_ended(PTHREAD_CANCELED);
  HOLDS(pthread_join, "a result may be any pointer", pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

CASE(still_running) {
  void* result = &begun;
  pthread_t thread = start_waiting();
  struct timespec past = {1, 0}, soon = in_ms(CLOCK_REALTIME, 5), negative = {-1, 0};
  HOLDS(pthread_tryjoin_np, "EBUSY for one that runs", pthread_tryjoin_np(thread, &result) == EBUSY);
  HOLDS(pthread_tryjoin_np, "leaves the result alone then", result == &begun);
  HOLDS(pthread_timedjoin_np, "ETIMEDOUT where the time has passed",
        pthread_timedjoin_np(thread, NULL, &past) == ETIMEDOUT);
  HOLDS(pthread_timedjoin_np, "ETIMEDOUT where the time was before 1970",
        pthread_timedjoin_np(thread, NULL, &negative) == ETIMEDOUT);
  HOLDS(pthread_timedjoin_np, "ETIMEDOUT when the time passes", pthread_timedjoin_np(thread, NULL, &soon) == ETIMEDOUT);
  HOLDS(pthread_timedjoin_np, "not before the time has passed",
        now_ns(CLOCK_REALTIME) >= soon.tv_sec * 1000000000LL + soon.tv_nsec);
  soon = in_ms(CLOCK_MONOTONIC, 5);
  HOLDS(pthread_clockjoin_np, "ETIMEDOUT by CLOCK_MONOTONIC",
        pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
  HOLDS(pthread_clockjoin_np, "EINVAL for another clock",
        pthread_clockjoin_np(thread, NULL, CLOCK_THREAD_CPUTIME_ID, &soon) == EINVAL);
  HOLDS(pthread_timedjoin_np, "the thread can be joined after that", is_ended(thread, &may_end));
}

static void* end_later(void* result) {
  usleep(2000);
  return result;
}

CASE(until_it_ends) {
  void* result = NULL;
  int value;
  struct timespec later = in_ms(CLOCK_REALTIME, 100000), past = {1, 0};
  HOLDS(pthread_timedjoin_np, "waits for the end",
        pthread_timedjoin_np(start(end_later, &value), &result, &later) == 0 && result == &value);
  HOLDS(pthread_timedjoin_np, "without a time it waits as pthread_join",
        pthread_timedjoin_np(start(end_later, &value), &result, NULL) == 0 && result == &value);
  later = in_ms(CLOCK_MONOTONIC, 100000);
  result = NULL;
  HOLDS(pthread_clockjoin_np, "waits for the end",
        pthread_clockjoin_np(start(end_later, &value), &result, CLOCK_MONOTONIC, &later) == 0 && result == &value);
  HOLDS(pthread_clockjoin_np, "takes a thread that has ended, whatever the time",
        pthread_clockjoin_np(start_ended(&value), NULL, CLOCK_REALTIME, &past) == 0);
}

static pthread_t main_thread;
static int error_in_thread;

static void* join_the_joiner(void* unused) {
  await_flag(&may_end);
  usleep(2000);  // main joins by now; if it does not yet, this is an ordinary wait for nobody
  error_in_thread = pthread_tryjoin_np(main_thread, NULL);
  return unused;
}

static void* join_itself(void* unused) {
  error_in_thread = pthread_join(pthread_self(), NULL);
  return unused;
}

static void* join_itself_detached(void* unused) {
  pthread_detach(pthread_self());
  error_in_thread = pthread_join(pthread_self(), NULL);
  set_flag(&may_end);
  return unused;
}

CASE(deadlocks) {
  main_thread = pthread_self();
  HOLDS(pthread_join, "EDEADLK where the main thread joins itself", pthread_join(main_thread, NULL) == EDEADLK);
  HOLDS(pthread_timedjoin_np, "EDEADLK where a thread joins itself",
        pthread_timedjoin_np(main_thread, NULL, NULL) == EDEADLK);
  HOLDS(pthread_tryjoin_np, "EBUSY where a thread joins itself", pthread_tryjoin_np(main_thread, NULL) == EBUSY);
  join(start(join_itself, NULL));
  HOLDS(pthread_join, "EDEADLK where another thread joins itself", error_in_thread == EDEADLK);
  may_end = 0;
  start(join_itself_detached, NULL);
  await_flag(&may_end);
  HOLDS(pthread_join, "EINVAL where a detached thread joins itself", error_in_thread == EINVAL);
  may_end = 0;
  pthread_t thread = start(join_the_joiner, NULL);
  set_flag(&may_end);
  join(thread);
  HOLDS(pthread_tryjoin_np, "EBUSY for who waits for the caller", error_in_thread == EBUSY);
}

CASE(detached) {
  pthread_t thread = start_waiting();
  HOLDS(pthread_detach, "returns 0", pthread_detach(thread) == 0);
  HOLDS(pthread_detach, "EINVAL for a detached thread", pthread_detach(thread) == EINVAL);
  HOLDS(pthread_join, "EINVAL for a detached thread", pthread_join(thread, NULL) == EINVAL);
  HOLDS(pthread_timedjoin_np, "EINVAL for a detached thread", pthread_timedjoin_np(thread, NULL, NULL) == EINVAL);
  HOLDS(pthread_tryjoin_np, "EBUSY for a detached thread that runs", pthread_tryjoin_np(thread, NULL) == EBUSY);
  begun = 0;
  set_flag(&may_end);
  await_flag(&begun);
}

static volatile sig_atomic_t handled;

static void handle(int signal) { handled += signal == SIGUSR1; }

static int join_error;

static void* join_and_note(void* target) {
  set_flag(&begun);
  join_error = pthread_join(*(pthread_t*)target, NULL);
  return NULL;
}

CASE(signals) {
  struct sigaction action = {.sa_handler = handle};  // without SA_RESTART
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  pthread_t target = start_waiting();
  begun = 0;
  pthread_t joiner = start(join_and_note, &target);
  await_flag(&begun);
  usleep(20000);
  for (int i = 1; i <= 3; i++) {
    CHECK_EQ(pthread_kill(joiner, SIGUSR1), 0);
    while (handled < i) sched_yield();
  }
  HOLDS(pthread_join, "the handler of a signal runs in a thread that joins", handled == 3);
  set_flag(&may_end);
  join(joiner);
  HOLDS(pthread_join, "goes on after a signal, and never fails with EINTR", join_error == 0);
}

CASE(cancelled_joiner) {
  pthread_t target = start_waiting();
  begun = 0;
  pthread_t joiner = start(join_and_note, &target);
  await_flag(&begun);
  usleep(20000);
  CHECK_EQ(pthread_cancel(joiner), 0);
  HOLDS(pthread_join, "is a cancellation point", join(joiner) == PTHREAD_CANCELED);
  HOLDS(pthread_join, "the target of a cancelled join can be joined by another", is_ended(target, &may_end));
}

static void* chain(void* before) {
  pthread_t* thread = before;
  return thread == NULL ? &begun : join(*thread);
}

CASE(chains) {
  enum { kLinks = 30 };
  pthread_t threads[kLinks];
  for (int i = 0; i < kLinks; i++) threads[i] = start(chain, i == 0 ? NULL : &threads[i - 1]);
  HOLDS(pthread_join, "any thread may join any other", join(threads[kLinks - 1]) == &begun);
}
