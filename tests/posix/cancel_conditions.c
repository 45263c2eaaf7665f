// Cancellation of a wait for a condition variable, and the locks that are no cancellation points: POSIX.1-2017
// XSH 2.9.5 and pthread_cond_wait.
#include "tests/posix/holds.h"

static pthread_mutex_t mutex;
static pthread_cond_t condition;

struct Waiter {
  int (*wait)(void);
  int cleaned, had_mutex, result;
};

static int wait_plain(void) { return pthread_cond_wait(&condition, &mutex); }

static int wait_timed(void) {
  struct timespec until = in_ms(CLOCK_REALTIME, 100000);
  return pthread_cond_timedwait(&condition, &mutex, &until);
}

static int wait_clock(void) {
  struct timespec until = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until);
}

// Of an error-checking mutex only the owner's unlock succeeds.
static void clean_up(void* argument) {
  struct Waiter* waiter = argument;
  waiter->cleaned = 1;
  waiter->had_mutex = pthread_mutex_unlock(&mutex) == 0;
}

static void* wait_for_ever(void* argument) {
  struct Waiter* waiter = argument;
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(clean_up, waiter);
  entering();
  for (;;) waiter->wait();
  pthread_cleanup_pop(0);
  return NULL;
}

static void begin(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&mutex, &attributes);
  pthread_cond_init(&condition, NULL);
}

static struct Waiter cancelled(int (*wait)(void)) {
  struct Waiter waiter = {.wait = wait};
  begin();
  pthread_t thread = start(wait_for_ever, &waiter);
  await_entered(1);
  CHECK_EQ(pthread_cancel(thread), 0);
  CHECK(join(thread) == PTHREAD_CANCELED);
  return waiter;
}

CASE(waits) {
  struct Waiter plain = cancelled(wait_plain);
  HOLDS(pthread_cond_wait, "is a cancellation point", plain.cleaned);
  HOLDS(pthread_cond_wait, "has the mutex again when the first cleanup handler is called", plain.had_mutex);
  HOLDS(pthread_cond_wait, "leaves the mutex to its cleanup handlers", pthread_mutex_trylock(&mutex) == 0);
}

CASE(timed_waits) {
  struct Waiter timed = cancelled(wait_timed);
  HOLDS(pthread_cond_timedwait, "is a cancellation point", timed.cleaned);
  HOLDS(pthread_cond_timedwait, "has the mutex again when the first cleanup handler is called", timed.had_mutex);
}

CASE(clock_waits) {
  struct Waiter clock = cancelled(wait_clock);
  HOLDS(pthread_cond_clockwait, "is a cancellation point", clock.cleaned);
  HOLDS(pthread_cond_clockwait, "has the mutex again when the first cleanup handler is called", clock.had_mutex);
}

static int woken;

static void unlock(void* lock) { pthread_mutex_unlock(lock); }

static void* wait_once(void* argument) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(unlock, &mutex);
  entering();
  wait_plain();
  woken++;
  pthread_cleanup_pop(1);
  return argument;
}

CASE(no_signal_is_consumed) {
  begin();
  pthread_t one = start(wait_once, NULL), two = start(wait_once, NULL);
  await_entered(2);
  pthread_mutex_lock(&mutex);  // both wait
  pthread_cancel(one);
  pthread_cond_signal(&condition);
  pthread_mutex_unlock(&mutex);
  void* first = join(one);
  if (first != PTHREAD_CANCELED) pthread_cond_signal(&condition);
  join(two);
  HOLDS(pthread_cond_wait, "a cancelled thread does not consume a signal that another waits for", woken >= 1);
}

static void* wait_with_pending(void* argument) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(clean_up, argument);
  pthread_cancel(pthread_self());
  wait_plain();
  pthread_cleanup_pop(0);
  return NULL;
}

CASE(pending) {
  struct Waiter waiter = {0};
  begin();
  void* result = join(start(wait_with_pending, &waiter));
  HOLDS(pthread_cond_wait, "acts on a cancel that is pending", result == PTHREAD_CANCELED);
  HOLDS(pthread_cond_wait, "and has the mutex then", waiter.had_mutex);
}

static int disabled_result;

static void* wait_disabled(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_mutex_lock(&mutex);
  entering();
  while (!woken) disabled_result = wait_plain();
  pthread_mutex_unlock(&mutex);
  return argument;
}

CASE(disabled) {
  begin();
  woken = 0;
  pthread_t thread = start(wait_disabled, &woken);
  await_entered(1);
  pthread_cancel(thread);
  usleep(1000);
  pthread_mutex_lock(&mutex);
  woken = 1;
  pthread_cond_signal(&condition);
  pthread_mutex_unlock(&mutex);
  HOLDS(pthread_cond_wait, "with cancellation disabled the wait goes on until the signal", join(thread) == &woken);
  HOLDS(pthread_cond_wait, "and returns 0", disabled_result == 0);
}

// What is no cancellation point: a thread that waits for a lock gets it.
static pthread_rwlock_t rwlock;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;

static int lock_mutex(void) { return pthread_mutex_lock(&mutex); }
static int lock_mutex_timed(void) {
  struct timespec until = in_ms(CLOCK_REALTIME, 100000);
  return pthread_mutex_timedlock(&mutex, &until);
}
static int unlock_mutex(void) { return pthread_mutex_unlock(&mutex); }
static int lock_read(void) { return pthread_rwlock_rdlock(&rwlock); }
static int lock_write(void) { return pthread_rwlock_wrlock(&rwlock); }
static int unlock_rwlock(void) { return pthread_rwlock_unlock(&rwlock); }
static int lock_spin(void) { return pthread_spin_lock(&spin); }
static int unlock_spin(void) { return pthread_spin_unlock(&spin); }

struct Lock {
  int (*hold)(void), (*lock)(void), (*unlock)(void);
  int got_it;
};

static void* lock_and_unlock(void* argument) {
  struct Lock* lock = argument;
  entering();
  int locked = lock->lock();
  lock->got_it = locked == 0 && lock->unlock() == 0;
  pthread_testcancel();
  return NULL;
}

static int gets_it(struct Lock lock) {
  begin();
  pthread_rwlock_init(&rwlock, NULL);
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  CHECK_EQ(lock.hold(), 0);
  pthread_t thread = start(lock_and_unlock, &lock);
  await_entered(1);
  CHECK_EQ(pthread_cancel(thread), 0);
  usleep(1000);
  CHECK_EQ(lock.unlock(), 0);
  CHECK(join(thread) == PTHREAD_CANCELED);
  return lock.got_it;
}

CASE(mutex) {
  HOLDS(pthread_mutex_lock, "is no cancellation point",
        gets_it((struct Lock){lock_mutex, lock_mutex, unlock_mutex, 0}));
}

CASE(timed_mutex) {
  HOLDS(pthread_mutex_timedlock, "is no cancellation point",
        gets_it((struct Lock){lock_mutex, lock_mutex_timed, unlock_mutex, 0}));
}

CASE(read_lock) {
  HOLDS(pthread_rwlock_rdlock, "glibc makes it no cancellation point",
        gets_it((struct Lock){lock_write, lock_read, unlock_rwlock, 0}));
}

CASE(write_lock) {
  HOLDS(pthread_rwlock_wrlock, "glibc makes it no cancellation point",
        gets_it((struct Lock){lock_write, lock_write, unlock_rwlock, 0}));
}

CASE(spin_lock) {
  HOLDS(pthread_spin_lock, "is no cancellation point", gets_it((struct Lock){lock_spin, lock_spin, unlock_spin, 0}));
}

static void* meet_and_note(void* argument) {
  entering();
  pthread_barrier_wait(&barrier);
  *(int*)argument = 1;
  pthread_testcancel();
  return NULL;
}

CASE(barrier) {
  int passed = 0;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread = start(meet_and_note, &passed);
  await_entered(1);
  pthread_cancel(thread);
  pthread_barrier_wait(&barrier);
  HOLDS(pthread_barrier_wait, "is no cancellation point", join(thread) == PTHREAD_CANCELED && passed);
}
