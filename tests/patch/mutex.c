// Mutexes of all types, and spin locks.
#include <sched.h>

#include "tests/support/case.h"

enum { kThreads = 8, kRounds = 400, kShort = 20 };

struct Held {
  pthread_mutex_t mutex;
  int is_held, is_let_go;
  int (*lock)(pthread_mutex_t*);
};

static void init_mutex(pthread_mutex_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, type), 0);
  CHECK_EQ(pthread_mutex_init(mutex, &attributes), 0);
  CHECK_EQ(pthread_mutexattr_destroy(&attributes), 0);
}

// One thread holds the mutex; the other locks it and gets it once the first has unlocked.
static void lock_when_held(void* argument) {
  struct Held* held = argument;
  await_flag(&held->is_held);
  CHECK_EQ(held->lock(&held->mutex), 0);
  CHECK_EQ(held->is_let_go, 1);
  held->is_held = held->is_let_go = 0;  // for the other round
  CHECK_EQ(pthread_mutex_unlock(&held->mutex), 0);
}

static void hold_then_unlock(void* argument) {
  struct Held* held = argument;
  CHECK_EQ(pthread_mutex_lock(&held->mutex), 0);
  set_flag(&held->is_held);
  usleep(2000);  // the other is inside its lock by now, or comes later: the result is the same
  held->is_let_go = 1;
  CHECK_EQ(pthread_mutex_unlock(&held->mutex), 0);
}

static void meet_with(int type, int (*lock)(pthread_mutex_t*)) {
  struct Held held = {.is_held = 0, .lock = lock};
  init_mutex(&held.mutex, type);
  meet(lock_when_held, hold_then_unlock, &held);
  CHECK_EQ(pthread_mutex_destroy(&held.mutex), 0);
}

static void meet_with_all_types(int (*lock)(pthread_mutex_t*)) {
  meet_with(PTHREAD_MUTEX_NORMAL, lock);
  meet_with(PTHREAD_MUTEX_RECURSIVE, lock);
  meet_with(PTHREAD_MUTEX_ERRORCHECK, lock);
  meet_with(PTHREAD_MUTEX_ADAPTIVE_NP, lock);
}

CASE(pthread_mutex_lock) { meet_with_all_types(pthread_mutex_lock); }
CASE(pthread_mutex_unlock) { meet_with_all_types(pthread_mutex_lock); }

static int lock_until_realtime(pthread_mutex_t* mutex) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_mutex_timedlock(mutex, &deadline);
}

static int lock_until_monotonic(pthread_mutex_t* mutex) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline);
}

static int lock_until_clock_realtime(pthread_mutex_t* mutex) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, &deadline);
}

static int lock_by_trying(pthread_mutex_t* mutex) {
  int error;
  while ((error = pthread_mutex_trylock(mutex)) == EBUSY) usleep(50);
  return error;
}

static void* time_out(void* argument) {
  pthread_mutex_t* mutex = argument;
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort), wrong = {0, 1000000000}, past = {0, 0};
  CHECK_EQ(pthread_mutex_timedlock(mutex, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_EQ(pthread_mutex_timedlock(mutex, &past), ETIMEDOUT);
  CHECK_EQ(pthread_mutex_timedlock(mutex, &wrong), EINVAL);
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_EQ(pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_MONOTONIC) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_EQ(pthread_mutex_clocklock(mutex, CLOCK_PROCESS_CPUTIME_ID, &deadline), EINVAL);
  CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
  return NULL;
}

static void check_timeouts(int type) {
  pthread_mutex_t mutex;
  struct timespec wrong = {0, 1000000000}, past = {0, 0};
  init_mutex(&mutex, type);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &past), 0);  // free: the deadline is not looked at
  join(start(time_out, &mutex));
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &wrong), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

CASE(pthread_mutex_timedlock) {
  meet_with_all_types(lock_until_realtime);
  check_timeouts(PTHREAD_MUTEX_NORMAL);
  check_timeouts(PTHREAD_MUTEX_RECURSIVE);
  check_timeouts(PTHREAD_MUTEX_ERRORCHECK);
  check_timeouts(PTHREAD_MUTEX_ADAPTIVE_NP);
}

CASE(pthread_mutex_clocklock) {
  meet_with_all_types(lock_until_monotonic);
  meet_with_all_types(lock_until_clock_realtime);
}

CASE(pthread_mutex_trylock) { meet_with_all_types(lock_by_trying); }

static void* find_locked(void* mutex) {
  CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
  return NULL;
}

static void* find_free(void* mutex) {
  CHECK_EQ(pthread_mutex_trylock(mutex), 0);
  CHECK_EQ(pthread_mutex_unlock(mutex), 0);
  return NULL;
}

static void check_recursive(pthread_mutex_t* mutex) {
  struct timespec past = {0, 0};
  for (int i = 0; i < 100; i++) CHECK_EQ(pthread_mutex_lock(mutex), 0);
  CHECK_EQ(pthread_mutex_trylock(mutex), 0);
  CHECK_EQ(pthread_mutex_timedlock(mutex, &past), 0);
  CHECK_EQ(pthread_mutex_destroy(mutex), EBUSY);
  for (int i = 0; i < 102; i++) {
    if (i % 20 == 0) join(start(find_locked, mutex));
    CHECK_EQ(pthread_mutex_unlock(mutex), 0);
  }
  join(start(find_free, mutex));
  CHECK_EQ(pthread_mutex_unlock(mutex), EPERM);
}

static void* unlock_foreign(void* mutex) {
  CHECK_EQ(pthread_mutex_unlock(mutex), EPERM);
  return NULL;
}

static void check_error_checking(pthread_mutex_t* mutex) {
  struct timespec past = {0, 0};
  CHECK_EQ(pthread_mutex_unlock(mutex), EPERM);
  CHECK_EQ(pthread_mutex_lock(mutex), 0);
  CHECK_EQ(pthread_mutex_lock(mutex), EDEADLK);
  CHECK_EQ(pthread_mutex_timedlock(mutex, &past), EDEADLK);
  CHECK_EQ(pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &past), EDEADLK);
  CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
  join(start(unlock_foreign, mutex));
  join(start(find_locked, mutex));
  CHECK_EQ(pthread_mutex_unlock(mutex), 0);
  CHECK_EQ(pthread_mutex_unlock(mutex), EPERM);
  join(start(find_free, mutex));
}

static void check_with_type(int type, void (*check_mutex)(pthread_mutex_t*)) {
  pthread_mutex_t mutex;
  init_mutex(&mutex, type);
  check_mutex(&mutex);
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

static pthread_mutex_t static_normal = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t static_recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t static_error_checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_mutex_t static_adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

CASE(recursive_mutexes) {
  check_with_type(PTHREAD_MUTEX_RECURSIVE, check_recursive);
  check_recursive(&static_recursive);
}

CASE(error_checking_mutexes) {
  check_with_type(PTHREAD_MUTEX_ERRORCHECK, check_error_checking);
  check_error_checking(&static_error_checking);
}

static void* check_recursive_in_thread(void* mutex) {
  check_recursive(mutex);
  return NULL;
}

static void* check_error_checking_in_thread(void* mutex) {
  check_error_checking(mutex);
  return NULL;
}

CASE(owners_are_threads_not_kernel_threads) {
  join(start(check_recursive_in_thread, &static_recursive));
  join(start(check_error_checking_in_thread, &static_error_checking));
  CHECK_EQ(pthread_mutex_lock(&static_recursive), 0);
  join(start(find_locked, &static_recursive));
  CHECK_EQ(pthread_mutex_unlock(&static_recursive), 0);
}

CASE(static_initializers) {
  pthread_mutex_t* mutexes[] = {&static_normal, &static_recursive, &static_error_checking, &static_adaptive};
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(pthread_mutex_lock(mutexes[i]), 0);
    join(start(find_locked, mutexes[i]));
    CHECK_EQ(pthread_mutex_unlock(mutexes[i]), 0);
    join(start(find_free, mutexes[i]));
  }
}

struct Counter {
  pthread_mutex_t mutex;
  long count;
  int inside;
};

static void* count_with_lock(void* argument) {
  struct Counter* counter = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_mutex_lock(&counter->mutex), 0);
    CHECK_EQ(counter->inside++, 0);
    long seen = counter->count;
    if (i % 16 == 0) sched_yield();  // others run into the lock
    counter->count = seen + 1;
    CHECK_EQ(--counter->inside, 0);
    CHECK_EQ(pthread_mutex_unlock(&counter->mutex), 0);
  }
  return NULL;
}

CASE(one_thread_at_a_time_is_inside) {
  int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
  for (int t = 0; t < 4; t++) {
    struct Counter counter = {.count = 0};
    pthread_t threads[kThreads];
    init_mutex(&counter.mutex, types[t]);
    for (int i = 0; i < kThreads; i++) threads[i] = start(count_with_lock, &counter);
    join_all(threads, kThreads);
    CHECK_EQ(counter.count, kThreads * kRounds);
  }
}

static void* lock_once(void* argument) {
  struct Counter* counter = argument;
  entering();
  CHECK_EQ(pthread_mutex_lock(&counter->mutex), 0);
  counter->count++;
  CHECK_EQ(pthread_mutex_unlock(&counter->mutex), 0);
  return NULL;
}

CASE(every_waiter_gets_the_lock) {
  struct Counter counter = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  pthread_t threads[100];
  CHECK_EQ(pthread_mutex_lock(&counter.mutex), 0);
  for (int i = 0; i < 100; i++) threads[i] = start(lock_once, &counter);
  await_entered(100);
  CHECK_EQ(pthread_mutex_unlock(&counter.mutex), 0);
  join_all(threads, 100);
  CHECK_EQ(counter.count, 100);
}

CASE(a_mutex_that_nobody_fights_for) {
  for (int kind = 0; kind < 3; kind++) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
    if (kind == 0) CHECK_EQ(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
    if (kind == 1) CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), 0);
    if (kind == 2) CHECK_EQ(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0);
    CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
    CHECK_EQ(pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
    join(start(find_free, &mutex));
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
  }
}
