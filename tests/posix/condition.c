// Condition variables, POSIX.1-2017.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kShort = 5, kWaiters = 5 };

static const struct timespec past = {0, 0}, wrong = {0, 1000000000}, negative = {0, -1}, before_all = {-5, 0};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static int try_lock(void* unused) {
  (void)unused;
  int error = pthread_mutex_trylock(&mutex);
  if (error == 0) pthread_mutex_unlock(&mutex);
  return error;
}

static bool is_over(clockid_t clock, struct timespec deadline) {
  return now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec;
}

// A wait may also end for no reason: then once more.
static int wait_until(pthread_cond_t* on, const struct timespec* deadline) {
  int error;
  while ((error = pthread_cond_timedwait(on, &mutex, deadline)) == 0) continue;
  return error;
}

CASE(attributes) {
  pthread_condattr_t attributes;
  clockid_t clock = -1;
  int shared = -1;
  HOLDS(pthread_condattr_init, "gives the default attributes", pthread_condattr_init(&attributes) == 0);
  HOLDS(pthread_condattr_getclock, "is the system clock by default",
        pthread_condattr_getclock(&attributes, &clock) == 0 && clock == CLOCK_REALTIME);
  HOLDS(pthread_condattr_setclock, "EINVAL for a CPU-time clock",
        pthread_condattr_setclock(&attributes, CLOCK_PROCESS_CPUTIME_ID) == EINVAL);
  HOLDS(pthread_condattr_setclock, "EINVAL for an unknown clock", pthread_condattr_setclock(&attributes, 77) == EINVAL);
  HOLDS(pthread_condattr_setclock, "sets what getclock gives",
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
            pthread_condattr_getclock(&attributes, &clock) == 0 && clock == CLOCK_MONOTONIC);
  HOLDS(pthread_condattr_getpshared, "is PTHREAD_PROCESS_PRIVATE by default",
        pthread_condattr_getpshared(&attributes, &shared) == 0 && shared == PTHREAD_PROCESS_PRIVATE);
  HOLDS(pthread_condattr_setpshared, "EINVAL for a value out of range",
        pthread_condattr_setpshared(&attributes, 77) == EINVAL);
  HOLDS(pthread_condattr_setpshared, "sets what getpshared gives",
        pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
            pthread_condattr_getpshared(&attributes, &shared) == 0 && shared == PTHREAD_PROCESS_SHARED);
  HOLDS(pthread_condattr_destroy, "returns 0", pthread_condattr_destroy(&attributes) == 0);
}

CASE(without_waiters) {
  pthread_cond_t fresh;
  HOLDS(pthread_cond_init, "takes no attributes", pthread_cond_init(&fresh, NULL) == 0);
  HOLDS(pthread_cond_signal, "has no effect where nobody waits", pthread_cond_signal(&fresh) == 0);
  HOLDS(pthread_cond_broadcast, "has no effect where nobody waits", pthread_cond_broadcast(&fresh) == 0);
  pthread_mutex_lock(&mutex);
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  HOLDS(pthread_cond_timedwait, "an earlier signal wakes nobody", wait_until(&fresh, &deadline) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
  HOLDS(pthread_cond_destroy, "destroys one without waiters", pthread_cond_destroy(&fresh) == 0);
  HOLDS(pthread_cond_init, "initialises it anew after destroy", pthread_cond_init(&fresh, NULL) == 0);
}

CASE(deadlines) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  pthread_mutex_lock(&mutex);
  HOLDS(pthread_cond_timedwait, "ETIMEDOUT when the deadline passes, not earlier",
        wait_until(&condition, &deadline) == ETIMEDOUT && is_over(CLOCK_REALTIME, deadline));
  HOLDS(pthread_cond_timedwait, "holds the mutex after ETIMEDOUT", by_another(try_lock, NULL) == EBUSY);
  HOLDS(pthread_cond_timedwait, "ETIMEDOUT where the deadline has passed already",
        wait_until(&condition, &past) == ETIMEDOUT);
  HOLDS(pthread_cond_timedwait, "ETIMEDOUT for a time before 1970", wait_until(&condition, &before_all) == ETIMEDOUT);
  HOLDS(pthread_cond_timedwait, "EINVAL for 1,000,000,000 nanoseconds", wait_until(&condition, &wrong) == EINVAL);
  HOLDS(pthread_cond_timedwait, "EINVAL for negative nanoseconds", wait_until(&condition, &negative) == EINVAL);
  HOLDS(pthread_cond_timedwait, "holds the mutex after EINVAL", by_another(try_lock, NULL) == EBUSY);
  int error;
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  while ((error = pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &deadline)) == 0) continue;
  HOLDS(pthread_cond_clockwait, "ETIMEDOUT when the deadline passes on that clock, not earlier",
        error == ETIMEDOUT && is_over(CLOCK_MONOTONIC, deadline));
  HOLDS(pthread_cond_clockwait, "EINVAL for a clock that can't be waited for",
        pthread_cond_clockwait(&condition, &mutex, CLOCK_PROCESS_CPUTIME_ID, &deadline) == EINVAL);
  HOLDS(pthread_cond_clockwait, "EINVAL for a time that is none",
        pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &wrong) == EINVAL);
  HOLDS(pthread_cond_clockwait, "holds the mutex after EINVAL", by_another(try_lock, NULL) == EBUSY);
  pthread_mutex_unlock(&mutex);
}

CASE(clock_attribute) {
  pthread_condattr_t attributes;
  pthread_cond_t monotonic;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&monotonic, &attributes);
  pthread_mutex_lock(&mutex);
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kShort);
  HOLDS(pthread_cond_timedwait, "waits by the clock of the attribute",
        wait_until(&monotonic, &deadline) == ETIMEDOUT && is_over(CLOCK_MONOTONIC, deadline));
  pthread_mutex_unlock(&mutex);
  pthread_cond_destroy(&monotonic);
}

static int waiting, may_go, gone;

static void* wait_for_go(void* on) {
  pthread_mutex_lock(&mutex);
  waiting++;
  while (may_go == 0) CHECK_EQ(pthread_cond_wait(on, &mutex), 0);
  may_go--;
  gone++;
  pthread_mutex_unlock(&mutex);
  return NULL;
}

// Who holds the mutex and finds `waiting` counted knows that the waiter is inside.
static void await_waiters(int count) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    if (waiting == count) return;
    pthread_mutex_unlock(&mutex);
    usleep(100);
  }
}

static void start_waiters(pthread_t* threads, int count, pthread_cond_t* on) {
  waiting = may_go = gone = 0;
  for (int i = 0; i < count; i++) threads[i] = start(wait_for_go, on);
  await_waiters(count);
}

CASE(waking) {
  pthread_t threads[kWaiters];
  start_waiters(threads, 1, &condition);
  HOLDS(pthread_cond_wait, "releases the mutex atomically with the beginning of the wait", waiting == 1 && gone == 0);
  may_go = 1;
  HOLDS(pthread_cond_signal, "may be called with the mutex held", pthread_cond_signal(&condition) == 0);
  HOLDS(pthread_cond_wait, "does not return before it can hold the mutex", gone == 0);
  pthread_mutex_unlock(&mutex);
  join_all(threads, 1);
  HOLDS(pthread_cond_signal, "unblocks a waiter", gone == 1);

  start_waiters(threads, kWaiters, &condition);
  may_go = kWaiters;
  pthread_mutex_unlock(&mutex);
  HOLDS(pthread_cond_broadcast, "may be called without the mutex", pthread_cond_broadcast(&condition) == 0);
  join_all(threads, kWaiters);
  HOLDS(pthread_cond_broadcast, "unblocks all waiters", gone == kWaiters);

  start_waiters(threads, kWaiters, &condition);
  for (int i = 0; i < kWaiters; i++) {
    may_go++;
    CHECK_EQ(pthread_cond_signal(&condition), 0);
  }
  pthread_mutex_unlock(&mutex);
  join_all(threads, kWaiters);
  HOLDS(pthread_cond_signal, "as many signals as waiters unblock them all", gone == kWaiters);
}

CASE(destroyed_after_broadcast) {
  pthread_cond_t own;
  pthread_t threads[kWaiters];
  pthread_cond_init(&own, NULL);
  start_waiters(threads, kWaiters, &own);
  may_go = kWaiters;
  CHECK_EQ(pthread_cond_broadcast(&own), 0);
  pthread_mutex_unlock(&mutex);
  HOLDS(pthread_cond_destroy, "is safe as soon as all waiters have been woken", pthread_cond_destroy(&own) == 0);
  join_all(threads, kWaiters);
}

static bool waits_with(int type) {
  pthread_mutexattr_t attributes;
  pthread_mutex_t own;
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  int error;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutex_init(&own, &attributes);
  pthread_mutex_lock(&own);
  while ((error = pthread_cond_timedwait(&condition, &own, &deadline)) == 0) continue;
  return error == ETIMEDOUT && pthread_mutex_unlock(&own) == 0 && pthread_mutex_destroy(&own) == 0;
}

CASE(mutexes) {
  pthread_mutex_t checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  HOLDS(pthread_cond_wait, "EPERM where the caller does not hold the error-checking mutex",
        pthread_cond_wait(&condition, &checking) == EPERM);
  HOLDS(pthread_cond_timedwait, "EPERM where the caller does not hold the error-checking mutex",
        pthread_cond_timedwait(&condition, &checking, &deadline) == EPERM);
  HOLDS(pthread_cond_timedwait, "EINVAL comes before EPERM",
        pthread_cond_timedwait(&condition, &checking, &wrong) == EINVAL);
  HOLDS(pthread_cond_timedwait, "waits with a recursive mutex", waits_with(PTHREAD_MUTEX_RECURSIVE));
  HOLDS(pthread_cond_timedwait, "waits with an error-checking mutex", waits_with(PTHREAD_MUTEX_ERRORCHECK));
  HOLDS(pthread_cond_timedwait, "waits with an adaptive mutex", waits_with(PTHREAD_MUTEX_ADAPTIVE_NP));
}
