// Read-write locks.
#include <sched.h>

#include "tests/support/case.h"

enum { kReaders = 10, kWriters = 4, kRounds = 200, kShort = 20 };

struct Held {
  pthread_rwlock_t lock;
  int (*hold)(pthread_rwlock_t*);
  int (*want)(pthread_rwlock_t*);
  int is_held, is_let_go;
};

static void want_when_held(void* argument) {
  struct Held* held = argument;
  await_flag(&held->is_held);
  CHECK_EQ(held->want(&held->lock), 0);
  CHECK_EQ(held->is_let_go, 1);
  held->is_held = held->is_let_go = 0;  // for the other round
  CHECK_EQ(pthread_rwlock_unlock(&held->lock), 0);
}

static void hold_then_unlock(void* argument) {
  struct Held* held = argument;
  CHECK_EQ(held->hold(&held->lock), 0);
  set_flag(&held->is_held);
  usleep(2000);
  held->is_let_go = 1;
  CHECK_EQ(pthread_rwlock_unlock(&held->lock), 0);
}

static void meet_with(int (*hold)(pthread_rwlock_t*), int (*want)(pthread_rwlock_t*)) {
  struct Held held = {.lock = PTHREAD_RWLOCK_INITIALIZER, .hold = hold, .want = want};
  meet(want_when_held, hold_then_unlock, &held);
  CHECK_EQ(pthread_rwlock_destroy(&held.lock), 0);
}

static int timed_read(pthread_rwlock_t* lock) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_rwlock_timedrdlock(lock, &deadline);
}

static int timed_write(pthread_rwlock_t* lock) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_rwlock_timedwrlock(lock, &deadline);
}

static int clock_read(pthread_rwlock_t* lock) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &deadline);
}

static int clock_write(pthread_rwlock_t* lock) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &deadline);
}

CASE(pthread_rwlock_rdlock) { meet_with(pthread_rwlock_wrlock, pthread_rwlock_rdlock); }

CASE(pthread_rwlock_wrlock) {
  meet_with(pthread_rwlock_wrlock, pthread_rwlock_wrlock);
  meet_with(pthread_rwlock_rdlock, pthread_rwlock_wrlock);
}

CASE(pthread_rwlock_unlock) {
  meet_with(pthread_rwlock_tryrdlock, pthread_rwlock_wrlock);
  meet_with(pthread_rwlock_trywrlock, pthread_rwlock_rdlock);
}

CASE(pthread_rwlock_timedrdlock) { meet_with(pthread_rwlock_wrlock, timed_read); }
CASE(pthread_rwlock_clockrdlock) { meet_with(pthread_rwlock_wrlock, clock_read); }

CASE(pthread_rwlock_timedwrlock) {
  meet_with(pthread_rwlock_wrlock, timed_write);
  meet_with(pthread_rwlock_rdlock, timed_write);
}

CASE(pthread_rwlock_clockwrlock) {
  meet_with(pthread_rwlock_wrlock, clock_write);
  meet_with(pthread_rwlock_rdlock, clock_write);
}

static void check_passed(clockid_t clock, struct timespec deadline) {
  CHECK(now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
}

static void time_out_to_write(pthread_rwlock_t* lock) {
  struct timespec past = {0, 0}, wrong = {0, 1000000000}, deadline = in_ms(CLOCK_REALTIME, kShort);
  CHECK_EQ(pthread_rwlock_timedwrlock(lock, &deadline), ETIMEDOUT);
  check_passed(CLOCK_REALTIME, deadline);
  CHECK_EQ(pthread_rwlock_timedwrlock(lock, &past), ETIMEDOUT);
  CHECK_EQ(pthread_rwlock_timedwrlock(lock, &wrong), EINVAL);
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_EQ(pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &deadline), ETIMEDOUT);
  check_passed(CLOCK_MONOTONIC, deadline);
  CHECK_EQ(pthread_rwlock_clockwrlock(lock, CLOCK_PROCESS_CPUTIME_ID, &deadline), EINVAL);
  CHECK_EQ(pthread_rwlock_trywrlock(lock), EBUSY);
}

static void time_out_to_read(pthread_rwlock_t* lock) {
  struct timespec past = {0, 0}, wrong = {0, 1000000000}, deadline = in_ms(CLOCK_REALTIME, kShort);
  CHECK_EQ(pthread_rwlock_timedrdlock(lock, &deadline), ETIMEDOUT);
  check_passed(CLOCK_REALTIME, deadline);
  CHECK_EQ(pthread_rwlock_timedrdlock(lock, &past), ETIMEDOUT);
  CHECK_EQ(pthread_rwlock_timedrdlock(lock, &wrong), EINVAL);
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_EQ(pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &deadline), ETIMEDOUT);
  check_passed(CLOCK_MONOTONIC, deadline);
  CHECK_EQ(pthread_rwlock_clockrdlock(lock, CLOCK_PROCESS_CPUTIME_ID, &deadline), EINVAL);
  CHECK_EQ(pthread_rwlock_tryrdlock(lock), EBUSY);
}

static void* time_out_both(void* lock) {
  time_out_to_write(lock);
  time_out_to_read(lock);
  return NULL;
}

static void* time_out_to_write_but_read(void* lock) {
  time_out_to_write(lock);
  CHECK_EQ(pthread_rwlock_rdlock(lock), 0);
  CHECK_EQ(pthread_rwlock_unlock(lock), 0);
  return NULL;
}

CASE(timeouts) {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
  join(start(time_out_both, &lock));
  CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
  join(start(time_out_to_write_but_read, &lock));
  CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_destroy(&lock), 0);
}

CASE(the_owner_cannot_lock_again) {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  CHECK_EQ(pthread_rwlock_wrlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_wrlock(&lock), EDEADLK);
  CHECK_EQ(pthread_rwlock_rdlock(&lock), EDEADLK);
  CHECK_EQ(pthread_rwlock_timedwrlock(&lock, &deadline), EDEADLK);
  CHECK_EQ(pthread_rwlock_timedrdlock(&lock, &deadline), EDEADLK);
  CHECK_EQ(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &deadline), EDEADLK);
  CHECK_EQ(pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &deadline), EDEADLK);
  CHECK_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
  CHECK_EQ(pthread_rwlock_tryrdlock(&lock), EBUSY);
  CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);  // a reader may read twice
  CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
  CHECK_EQ(pthread_rwlock_unlock(&lock), 0);
}

struct Readers {
  pthread_rwlock_t lock;
  pthread_barrier_t all_inside;
};

static void* read_together(void* argument) {
  struct Readers* readers = argument;
  CHECK_EQ(pthread_rwlock_rdlock(&readers->lock), 0);
  pthread_barrier_wait(&readers->all_inside);  // passes only when every reader is inside
  CHECK_EQ(pthread_rwlock_unlock(&readers->lock), 0);
  return NULL;
}

CASE(readers_are_inside_together) {
  struct Readers readers = {.lock = PTHREAD_RWLOCK_INITIALIZER};
  pthread_t threads[kReaders];
  CHECK_EQ(pthread_barrier_init(&readers.all_inside, NULL, kReaders), 0);
  for (int i = 0; i < kReaders; i++) threads[i] = start(read_together, &readers);
  join_all(threads, kReaders);
  CHECK_EQ(pthread_barrier_destroy(&readers.all_inside), 0);
}

struct Shared {
  pthread_rwlock_t lock;
  int first, second;
  int is_stopped;
};

static void* write_both(void* argument) {
  struct Shared* shared = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_rwlock_wrlock(&shared->lock), 0);
    int seen = shared->first++;
    if (i % 4 == 0) sched_yield();
    CHECK_EQ(shared->second, seen);
    shared->second++;
    CHECK_EQ(pthread_rwlock_unlock(&shared->lock), 0);
  }
  return NULL;
}

static void* read_both(void* argument) {
  struct Shared* shared = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_rwlock_rdlock(&shared->lock), 0);
    int seen = shared->first;
    if (i % 4 == 0) sched_yield();
    CHECK_EQ(shared->second, seen);
    CHECK_EQ(pthread_rwlock_unlock(&shared->lock), 0);
  }
  return NULL;
}

CASE(readers_never_see_half_a_write) {
  struct Shared shared = {.lock = PTHREAD_RWLOCK_INITIALIZER};
  pthread_t threads[kReaders + kWriters];
  for (int i = 0; i < kReaders + kWriters; i++) threads[i] = start(i < kReaders ? read_both : write_both, &shared);
  join_all(threads, kReaders + kWriters);
  CHECK_EQ(shared.first, kWriters * kRounds);
  CHECK_EQ(shared.second, kWriters * kRounds);
}

static void* read_as_long_as_not_stopped(void* argument) {
  struct Shared* shared = argument;
  while (!is_set(&shared->is_stopped)) {
    CHECK_EQ(pthread_rwlock_rdlock(&shared->lock), 0);
    usleep(100);
    CHECK_EQ(pthread_rwlock_unlock(&shared->lock), 0);
  }
  return NULL;
}

// Between readers that overlap without a gap, a writer comes in only if it holds new readers back.
CASE(a_lock_that_prefers_writers_lets_them_in) {
  struct Shared shared = {.is_stopped = 0};
  pthread_rwlockattr_t attributes;
  pthread_t threads[kReaders];
  CHECK_EQ(pthread_rwlockattr_init(&attributes), 0);
  CHECK_EQ(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP), 0);
  CHECK_EQ(pthread_rwlock_init(&shared.lock, &attributes), 0);
  CHECK_EQ(pthread_rwlockattr_destroy(&attributes), 0);
  for (int i = 0; i < kReaders; i++) threads[i] = start(read_as_long_as_not_stopped, &shared);
  for (int i = 0; i < 20; i++) {
    CHECK_EQ(pthread_rwlock_wrlock(&shared.lock), 0);
    CHECK_EQ(pthread_rwlock_unlock(&shared.lock), 0);
    usleep(500);
  }
  set_flag(&shared.is_stopped);
  join_all(threads, kReaders);
  CHECK_EQ(pthread_rwlock_destroy(&shared.lock), 0);
}
