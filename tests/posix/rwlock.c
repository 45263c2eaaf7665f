// Read-write locks, POSIX.1-2017; glibc's two preferences.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kShort = 5, kReaders = 5 };

static const struct timespec past = {0, 0}, wrong = {0, 1000000000};
static struct timespec deadline;

static int read_lock(void* lock) { return pthread_rwlock_rdlock(lock); }
static int write_lock(void* lock) { return pthread_rwlock_wrlock(lock); }
static int unlock(void* lock) { return pthread_rwlock_unlock(lock); }
static int try_read(void* lock) {
  int error = pthread_rwlock_tryrdlock(lock);
  return error != 0 ? error : unlock(lock);
}
static int try_write(void* lock) {
  int error = pthread_rwlock_trywrlock(lock);
  return error != 0 ? error : unlock(lock);
}
static int read_in_the_past(void* lock) { return pthread_rwlock_timedrdlock(lock, &past); }
static int write_in_the_past(void* lock) { return pthread_rwlock_timedwrlock(lock, &past); }
static int read_wrongly(void* lock) { return pthread_rwlock_timedrdlock(lock, &wrong); }
static int write_wrongly(void* lock) { return pthread_rwlock_timedwrlock(lock, &wrong); }
static int read_shortly(void* lock) {
  deadline = in_ms(CLOCK_REALTIME, kShort);
  return pthread_rwlock_timedrdlock(lock, &deadline);
}
static int write_shortly(void* lock) {
  deadline = in_ms(CLOCK_REALTIME, kShort);
  return pthread_rwlock_timedwrlock(lock, &deadline);
}
static int clock_read_shortly(void* lock) {
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  return pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &deadline);
}
static int clock_write_shortly(void* lock) {
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  return pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &deadline);
}
static bool is_over(clockid_t clock) { return now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec; }

static pthread_rwlock_t make(int kind) {
  pthread_rwlock_t lock;
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  CHECK_EQ(pthread_rwlockattr_setkind_np(&attributes, kind), 0);
  CHECK_EQ(pthread_rwlock_init(&lock, &attributes), 0);
  return lock;
}

CASE(attributes) {
  pthread_rwlockattr_t attributes;
  int value = -1;
  HOLDS(pthread_rwlockattr_init, "gives the default attributes", pthread_rwlockattr_init(&attributes) == 0);
  HOLDS(pthread_rwlockattr_getpshared, "is PTHREAD_PROCESS_PRIVATE by default",
        pthread_rwlockattr_getpshared(&attributes, &value) == 0 && value == PTHREAD_PROCESS_PRIVATE);
  HOLDS(pthread_rwlockattr_setpshared, "EINVAL for a value out of range",
        pthread_rwlockattr_setpshared(&attributes, 77) == EINVAL);
  HOLDS(pthread_rwlockattr_setpshared, "sets what getpshared gives",
        pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
            pthread_rwlockattr_getpshared(&attributes, &value) == 0 && value == PTHREAD_PROCESS_SHARED);
  HOLDS(pthread_rwlockattr_getkind_np, "is PTHREAD_RWLOCK_PREFER_READER_NP by default",
        pthread_rwlockattr_getkind_np(&attributes, &value) == 0 && value == PTHREAD_RWLOCK_PREFER_READER_NP);
  HOLDS(pthread_rwlockattr_setkind_np, "EINVAL for a kind that does not exist",
        pthread_rwlockattr_setkind_np(&attributes, 77) == EINVAL);
  HOLDS(pthread_rwlockattr_setkind_np, "sets what getkind_np gives",
        pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0 &&
            pthread_rwlockattr_getkind_np(&attributes, &value) == 0 &&
            value == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  HOLDS(pthread_rwlockattr_destroy, "returns 0", pthread_rwlockattr_destroy(&attributes) == 0);
}

CASE(readers) {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  HOLDS(pthread_rwlock_rdlock, "several threads may hold it for reading",
        read_lock(&lock) == 0 && by_another(try_read, &lock) == 0);
  HOLDS(pthread_rwlock_rdlock, "a thread may hold several read locks", read_lock(&lock) == 0);
  HOLDS(pthread_rwlock_trywrlock, "EBUSY where another thread holds it for reading",
        by_another(try_write, &lock) == EBUSY);
  HOLDS(pthread_rwlock_trywrlock, "EBUSY where the caller holds it for reading", try_write(&lock) == EBUSY);
  unlock(&lock);
  HOLDS(pthread_rwlock_unlock, "must be called for each read lock", by_another(try_write, &lock) == EBUSY);
  HOLDS(pthread_rwlock_unlock, "frees it when the last read lock is gone",
        unlock(&lock) == 0 && by_another(try_write, &lock) == 0);
  HOLDS(pthread_rwlock_destroy, "destroys a free one", pthread_rwlock_destroy(&lock) == 0);
  HOLDS(pthread_rwlock_init, "initialises it anew after destroy, with no attributes",
        pthread_rwlock_init(&lock, NULL) == 0 && write_lock(&lock) == 0 && unlock(&lock) == 0);
}

CASE(writer) {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  HOLDS(pthread_rwlock_wrlock, "locks a free one", write_lock(&lock) == 0);
  HOLDS(pthread_rwlock_wrlock, "EDEADLK where the caller holds it for writing", write_lock(&lock) == EDEADLK);
  HOLDS(pthread_rwlock_rdlock, "EDEADLK where the caller holds it for writing", read_lock(&lock) == EDEADLK);
  HOLDS(pthread_rwlock_timedwrlock, "EDEADLK where the caller holds it for writing",
        write_in_the_past(&lock) == EDEADLK);
  HOLDS(pthread_rwlock_timedrdlock, "EDEADLK where the caller holds it for writing",
        read_in_the_past(&lock) == EDEADLK);
  HOLDS(pthread_rwlock_tryrdlock, "EBUSY where the caller holds it for writing", try_read(&lock) == EBUSY);
  HOLDS(pthread_rwlock_trywrlock, "EBUSY where the caller holds it for writing", try_write(&lock) == EBUSY);
  HOLDS(pthread_rwlock_tryrdlock, "EBUSY where a writer holds it", by_another(try_read, &lock) == EBUSY);
  HOLDS(pthread_rwlock_trywrlock, "EBUSY where a writer holds it", by_another(try_write, &lock) == EBUSY);
  HOLDS(pthread_rwlock_unlock, "frees it of its writer", unlock(&lock) == 0 && by_another(try_write, &lock) == 0);
}

CASE(deadlines) {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  HOLDS(pthread_rwlock_timedrdlock, "locks a free one, though the deadline has passed",
        read_in_the_past(&lock) == 0 && unlock(&lock) == 0);
  HOLDS(pthread_rwlock_timedwrlock, "locks a free one, though the deadline has passed",
        write_in_the_past(&lock) == 0 && unlock(&lock) == 0);
  HOLDS(pthread_rwlock_timedrdlock, "EINVAL for 1,000,000,000 nanoseconds", read_wrongly(&lock) == EINVAL);
  HOLDS(pthread_rwlock_timedwrlock, "EINVAL for 1,000,000,000 nanoseconds", write_wrongly(&lock) == EINVAL);
  HOLDS(pthread_rwlock_clockrdlock, "EINVAL for a clock that can't be waited for",
        pthread_rwlock_clockrdlock(&lock, CLOCK_PROCESS_CPUTIME_ID, &past) == EINVAL);
  HOLDS(pthread_rwlock_clockwrlock, "EINVAL for a clock that can't be waited for",
        pthread_rwlock_clockwrlock(&lock, CLOCK_PROCESS_CPUTIME_ID, &past) == EINVAL);
  write_lock(&lock);
  HOLDS(pthread_rwlock_timedrdlock, "ETIMEDOUT where the deadline has passed",
        by_another(read_in_the_past, &lock) == ETIMEDOUT);
  HOLDS(pthread_rwlock_timedwrlock, "ETIMEDOUT where the deadline has passed",
        by_another(write_in_the_past, &lock) == ETIMEDOUT);
  HOLDS(pthread_rwlock_timedrdlock, "ETIMEDOUT when the deadline passes, not earlier",
        by_another(read_shortly, &lock) == ETIMEDOUT && is_over(CLOCK_REALTIME));
  HOLDS(pthread_rwlock_timedwrlock, "ETIMEDOUT when the deadline passes, not earlier",
        by_another(write_shortly, &lock) == ETIMEDOUT && is_over(CLOCK_REALTIME));
  HOLDS(pthread_rwlock_clockrdlock, "ETIMEDOUT when the deadline passes on that clock, not earlier",
        by_another(clock_read_shortly, &lock) == ETIMEDOUT && is_over(CLOCK_MONOTONIC));
  HOLDS(pthread_rwlock_clockwrlock, "ETIMEDOUT when the deadline passes on that clock, not earlier",
        by_another(clock_write_shortly, &lock) == ETIMEDOUT && is_over(CLOCK_MONOTONIC));
  unlock(&lock);
  read_lock(&lock);
  HOLDS(pthread_rwlock_timedwrlock, "ETIMEDOUT where readers stay", by_another(write_shortly, &lock) == ETIMEDOUT);
  HOLDS(pthread_rwlock_timedrdlock, "a writer that has given up hinders no reader", by_another(try_read, &lock) == 0);
  unlock(&lock);
}

static pthread_rwlock_t hot;
static int inside, released;

static void* read_when_free(void* unused) {
  entering();
  CHECK_EQ(read_lock(&hot), 0);
  CHECK(is_set(&released));
  __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&inside, __ATOMIC_SEQ_CST) < kReaders) usleep(100);  // all are inside together
  CHECK_EQ(unlock(&hot), 0);
  return unused;
}

static void* write_when_free(void* unused) {
  entering();
  CHECK_EQ(write_lock(&hot), 0);
  CHECK(is_set(&released));
  inside++;
  CHECK_EQ(unlock(&hot), 0);
  return unused;
}

static void wait_then_release(pthread_t* threads, int count) {
  await_entered(count);
  CHECK_EQ(inside, 0);
  set_flag(&released);
  CHECK_EQ(unlock(&hot), 0);
  join_all(threads, count);
}

CASE(waiting_readers) {
  pthread_t threads[kReaders];
  hot = make(PTHREAD_RWLOCK_PREFER_READER_NP);
  CHECK_EQ(write_lock(&hot), 0);
  for (int i = 0; i < kReaders; i++) threads[i] = start(read_when_free, NULL);
  wait_then_release(threads, kReaders);
  HOLDS(pthread_rwlock_rdlock, "blocks while a writer holds it; all readers may then enter", inside == kReaders);
}

CASE(waiting_writers) {
  pthread_t threads[kReaders];
  inside = released = 0;
  CHECK_EQ(read_lock(&hot), 0);
  for (int i = 0; i < kReaders; i++) threads[i] = start(write_when_free, NULL);
  wait_then_release(threads, kReaders);
  HOLDS(pthread_rwlock_wrlock, "blocks while readers hold it; all writers then get it in turn", inside == kReaders);
}

static bool lets_readers_pass_a_writer(int kind) {
  inside = released = 0;
  hot = make(kind);
  CHECK_EQ(read_lock(&hot), 0);
  pthread_t writer = start(write_when_free, NULL);
  await_entered(1);
  usleep(20000);  // natively: until it is inside for sure
  int error = by_another(try_read, &hot);
  set_flag(&released);
  CHECK_EQ(unlock(&hot), 0);
  join(writer);
  return error == 0;
}

CASE(preferring_readers) {
  HOLDS(pthread_rwlock_tryrdlock, "passes a waiting writer, where readers are preferred",
        lets_readers_pass_a_writer(PTHREAD_RWLOCK_PREFER_READER_NP));
}

CASE(preferring_writers_in_name_only) {
  HOLDS(pthread_rwlock_tryrdlock, "passes a waiting writer with PTHREAD_RWLOCK_PREFER_WRITER_NP, as its manual says",
        lets_readers_pass_a_writer(PTHREAD_RWLOCK_PREFER_WRITER_NP));
}

CASE(preferring_writers) {
  HOLDS(pthread_rwlock_tryrdlock, "EBUSY where a writer waits, with PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP",
        !lets_readers_pass_a_writer(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
}
