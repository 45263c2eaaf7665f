// Mutexes of the types of POSIX.1-2017 and glibc, and their deadlines.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kShort = 5, kLong = 100000 };

static const struct timespec past = {0, 0}, wrong = {0, 1000000000}, negative = {0, -1};

static int lock(void* mutex) { return pthread_mutex_lock(mutex); }
static int try_lock(void* mutex) { return pthread_mutex_trylock(mutex); }
static int unlock(void* mutex) { return pthread_mutex_unlock(mutex); }
static int lock_in_the_past(void* mutex) { return pthread_mutex_timedlock(mutex, &past); }
static int lock_wrongly(void* mutex) { return pthread_mutex_timedlock(mutex, &wrong); }
static int lock_negatively(void* mutex) { return pthread_mutex_timedlock(mutex, &negative); }

static int lock_and_unlock(void* mutex) {
  int error = pthread_mutex_lock(mutex);
  return error != 0 ? error : pthread_mutex_unlock(mutex);
}

static struct timespec deadline;
static int lock_shortly(void* mutex) {
  deadline = in_ms(CLOCK_REALTIME, kShort);
  return pthread_mutex_timedlock(mutex, &deadline);
}
static int lock_shortly_monotonic(void* mutex) {
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline);
}
static int lock_by_another_clock(void* mutex) {
  return pthread_mutex_clocklock(mutex, CLOCK_PROCESS_CPUTIME_ID, &past);
}
static bool is_over(clockid_t clock) { return now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec; }

static pthread_mutex_t make(int type) {
  pthread_mutex_t mutex;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, type), 0);
  CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
  pthread_mutexattr_destroy(&attributes);
  return mutex;
}

CASE(attributes) {
  pthread_mutexattr_t attributes;
  int value = -1;
  HOLDS(pthread_mutexattr_init, "gives the default attributes", pthread_mutexattr_init(&attributes) == 0);
  HOLDS(pthread_mutexattr_gettype, "is PTHREAD_MUTEX_DEFAULT by default",
        pthread_mutexattr_gettype(&attributes, &value) == 0 && value == PTHREAD_MUTEX_DEFAULT);
  HOLDS(pthread_mutexattr_settype, "EINVAL for a type that does not exist",
        pthread_mutexattr_settype(&attributes, 77) == EINVAL);
  HOLDS(pthread_mutexattr_settype, "sets what gettype gives",
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE) == 0 &&
            pthread_mutexattr_gettype(&attributes, &value) == 0 && value == PTHREAD_MUTEX_RECURSIVE);
  HOLDS(pthread_mutexattr_getpshared, "is PTHREAD_PROCESS_PRIVATE by default",
        pthread_mutexattr_getpshared(&attributes, &value) == 0 && value == PTHREAD_PROCESS_PRIVATE);
  HOLDS(pthread_mutexattr_setpshared, "EINVAL for a value out of range",
        pthread_mutexattr_setpshared(&attributes, 77) == EINVAL);
  HOLDS(pthread_mutexattr_setpshared, "sets what getpshared gives",
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
            pthread_mutexattr_getpshared(&attributes, &value) == 0 && value == PTHREAD_PROCESS_SHARED);
  HOLDS(pthread_mutexattr_settype, "is not changed by another attribute",
        pthread_mutexattr_gettype(&attributes, &value) == 0 && value == PTHREAD_MUTEX_RECURSIVE);
  HOLDS(pthread_mutexattr_destroy, "returns 0", pthread_mutexattr_destroy(&attributes) == 0);
}

CASE(normal) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL);
  HOLDS(pthread_mutex_trylock, "locks a free mutex", pthread_mutex_trylock(&mutex) == 0);
  HOLDS(pthread_mutex_trylock, "EBUSY where the caller holds a normal mutex", pthread_mutex_trylock(&mutex) == EBUSY);
  HOLDS(pthread_mutex_trylock, "EBUSY where another holds it", by_another(try_lock, &mutex) == EBUSY);
  HOLDS(pthread_mutex_timedlock, "ETIMEDOUT where the holder of a normal mutex locks it again",
        lock_shortly(&mutex) == ETIMEDOUT && is_over(CLOCK_REALTIME));
  HOLDS(pthread_mutex_destroy, "EBUSY while it is locked", pthread_mutex_destroy(&mutex) == EBUSY);
  HOLDS(pthread_mutex_unlock, "releases it", unlock(&mutex) == 0 && by_another(lock_and_unlock, &mutex) == 0);
  HOLDS(pthread_mutex_destroy, "destroys a free one", pthread_mutex_destroy(&mutex) == 0);
  HOLDS(pthread_mutex_init, "initialises it anew after destroy", pthread_mutex_init(&mutex, NULL) == 0);
  HOLDS(pthread_mutex_lock, "locks with default attributes", lock(&mutex) == 0 && unlock(&mutex) == 0);
  pthread_mutex_destroy(&mutex);
}

CASE(recursive) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_RECURSIVE);
  HOLDS(pthread_mutex_lock, "a recursive mutex by its holder: counts", lock(&mutex) == 0 && lock(&mutex) == 0);
  HOLDS(pthread_mutex_trylock, "a recursive mutex by its holder: counts", try_lock(&mutex) == 0);
  HOLDS(pthread_mutex_timedlock, "a recursive mutex by its holder: counts, whatever the deadline",
        lock_in_the_past(&mutex) == 0);
  unlock(&mutex);
  unlock(&mutex);
  unlock(&mutex);
  HOLDS(pthread_mutex_unlock, "a recursive mutex stays locked until the count is zero",
        by_another(try_lock, &mutex) == EBUSY);
  HOLDS(pthread_mutex_unlock, "EPERM for who does not hold a recursive mutex", by_another(unlock, &mutex) == EPERM);
  HOLDS(pthread_mutex_unlock, "a recursive mutex is free when the count is zero",
        unlock(&mutex) == 0 && by_another(lock_and_unlock, &mutex) == 0);
  HOLDS(pthread_mutex_unlock, "EPERM for a free recursive mutex", unlock(&mutex) == EPERM);
  lock(&mutex);
  mutex.__data.__count = ~0U;  // what so many calls would leave
  HOLDS(pthread_mutex_lock, "EAGAIN where a recursive mutex can't be counted further", lock(&mutex) == EAGAIN);
  HOLDS(pthread_mutex_trylock, "EAGAIN where a recursive mutex can't be counted further", try_lock(&mutex) == EAGAIN);
  HOLDS(pthread_mutex_timedlock, "EAGAIN where a recursive mutex can't be counted further",
        lock_in_the_past(&mutex) == EAGAIN);
}

CASE(error_checking) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_ERRORCHECK);
  HOLDS(pthread_mutex_unlock, "EPERM for a free error-checking mutex", unlock(&mutex) == EPERM);
  HOLDS(pthread_mutex_lock, "EDEADLK where the caller holds an error-checking mutex",
        lock(&mutex) == 0 && lock(&mutex) == EDEADLK);
  HOLDS(pthread_mutex_trylock, "EBUSY where the caller holds an error-checking mutex", try_lock(&mutex) == EBUSY);
  HOLDS(pthread_mutex_timedlock, "EDEADLK where the caller holds an error-checking mutex",
        lock_in_the_past(&mutex) == EDEADLK);
  HOLDS(pthread_mutex_clocklock, "EDEADLK where the caller holds an error-checking mutex",
        lock_shortly_monotonic(&mutex) == EDEADLK);
  HOLDS(pthread_mutex_unlock, "EPERM for who does not hold an error-checking mutex",
        by_another(unlock, &mutex) == EPERM);
  HOLDS(pthread_mutex_unlock, "a failed one leaves it locked", by_another(try_lock, &mutex) == EBUSY);
  HOLDS(pthread_mutex_unlock, "frees an error-checking mutex of its holder",
        unlock(&mutex) == 0 && by_another(lock_and_unlock, &mutex) == 0);
  pthread_mutex_destroy(&mutex);
}

CASE(static_initialisers) {
  pthread_mutex_t normal = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
                  checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
  HOLDS(PTHREAD_MUTEX_INITIALIZER, "makes a normal mutex", lock(&normal) == 0 && try_lock(&normal) == EBUSY);
  HOLDS(PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, "makes a recursive mutex",
        lock(&recursive) == 0 && lock(&recursive) == 0);
  HOLDS(PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, "makes an error-checking mutex",
        lock(&checking) == 0 && lock(&checking) == EDEADLK);
  HOLDS(PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, "makes a mutex",
        lock(&adaptive) == 0 && by_another(try_lock, &adaptive) == EBUSY && unlock(&adaptive) == 0);
}

// The same of the other types.
static void check_deadlines(pthread_mutex_t mutex) {
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &past), 0);
  CHECK_EQ(unlock(&mutex), 0);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &wrong), 0);
  CHECK_EQ(by_another(lock_in_the_past, &mutex), ETIMEDOUT);
  CHECK_EQ(by_another(lock_wrongly, &mutex), EINVAL);
  CHECK_EQ(by_another(lock_negatively, &mutex), EINVAL);
  CHECK_EQ(by_another(lock_shortly, &mutex), ETIMEDOUT);
  CHECK(is_over(CLOCK_REALTIME));
  CHECK_EQ(by_another(lock_shortly_monotonic, &mutex), ETIMEDOUT);
  CHECK(is_over(CLOCK_MONOTONIC));
  CHECK_EQ(by_another(lock_by_another_clock, &mutex), EINVAL);
  CHECK_EQ(unlock(&mutex), 0);
}

CASE(deadlines) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL);
  HOLDS(pthread_mutex_timedlock, "locks a free mutex, though the deadline has passed", lock_in_the_past(&mutex) == 0);
  unlock(&mutex);
  HOLDS(pthread_mutex_timedlock, "the deadline's validity is not checked where it can lock at once",
        lock_wrongly(&mutex) == 0);
  HOLDS(pthread_mutex_timedlock, "ETIMEDOUT where the deadline has passed",
        by_another(lock_in_the_past, &mutex) == ETIMEDOUT);
  HOLDS(pthread_mutex_timedlock, "EINVAL where it would block, for 1,000,000,000 nanoseconds",
        by_another(lock_wrongly, &mutex) == EINVAL);
  HOLDS(pthread_mutex_timedlock, "EINVAL where it would block, for negative nanoseconds",
        by_another(lock_negatively, &mutex) == EINVAL);
  HOLDS(pthread_mutex_timedlock, "ETIMEDOUT when the deadline passes, not earlier",
        by_another(lock_shortly, &mutex) == ETIMEDOUT && is_over(CLOCK_REALTIME));
  HOLDS(pthread_mutex_clocklock, "ETIMEDOUT when the deadline passes on that clock, not earlier",
        by_another(lock_shortly_monotonic, &mutex) == ETIMEDOUT && is_over(CLOCK_MONOTONIC));
  HOLDS(pthread_mutex_clocklock, "EINVAL for a clock that can't be waited for",
        by_another(lock_by_another_clock, &mutex) == EINVAL);
  unlock(&mutex);
  check_deadlines(make(PTHREAD_MUTEX_RECURSIVE));
  check_deadlines(make(PTHREAD_MUTEX_ERRORCHECK));
  check_deadlines(make(PTHREAD_MUTEX_ADAPTIVE_NP));
}

static int held, let_go;

static void* hold_for_a_moment(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  set_flag(&held);
  usleep(2000);
  let_go = 1;
  CHECK_EQ(unlock(mutex), 0);
  return NULL;
}

static bool waits_for_holder(int (*lock_it)(void*), int type) {
  pthread_mutex_t mutex = make(type);
  held = let_go = 0;
  pthread_t holder = start(hold_for_a_moment, &mutex);
  await_flag(&held);
  bool waited = lock_it(&mutex) == 0 && let_go == 1;
  unlock(&mutex);
  join(holder);
  return waited;
}

static int lock_for_long(void* mutex) {
  struct timespec far = in_ms(CLOCK_REALTIME, kLong);
  return pthread_mutex_timedlock(mutex, &far);
}

CASE(blocking) {
  errno = 77;
  HOLDS(pthread_mutex_lock, "blocks until a normal mutex becomes available",
        waits_for_holder(lock, PTHREAD_MUTEX_NORMAL));
  HOLDS(pthread_mutex_lock, "blocks until a recursive mutex becomes available",
        waits_for_holder(lock, PTHREAD_MUTEX_RECURSIVE));
  HOLDS(pthread_mutex_lock, "blocks until an error-checking mutex becomes available",
        waits_for_holder(lock, PTHREAD_MUTEX_ERRORCHECK));
  HOLDS(pthread_mutex_lock, "blocks until an adaptive mutex becomes available",
        waits_for_holder(lock, PTHREAD_MUTEX_ADAPTIVE_NP));
  HOLDS(pthread_mutex_timedlock, "blocks until the mutex becomes available, before its deadline",
        waits_for_holder(lock_for_long, PTHREAD_MUTEX_NORMAL));
  HOLDS(pthread_mutex_lock, "does not set errno", errno == 77);
}
