// Barriers and spin locks, POSIX.1-2017.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kThreads = 6, kRounds = 20 };

static pthread_barrier_t barrier;
static int arrived, serials;

static int wait_here(void* unused) {
  (void)unused;
  return pthread_barrier_wait(&barrier);
}

static void* come(void* unused) {
  __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
  int result = pthread_barrier_wait(&barrier);
  CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
  if (result != 0) __atomic_add_fetch(&serials, 1, __ATOMIC_SEQ_CST);
  return unused;
}

CASE(attributes) {
  pthread_barrierattr_t attributes;
  int shared = -1;
  HOLDS(pthread_barrierattr_init, "gives the default attributes", pthread_barrierattr_init(&attributes) == 0);
  HOLDS(pthread_barrierattr_getpshared, "is PTHREAD_PROCESS_PRIVATE by default",
        pthread_barrierattr_getpshared(&attributes, &shared) == 0 && shared == PTHREAD_PROCESS_PRIVATE);
  HOLDS(pthread_barrierattr_setpshared, "EINVAL for a value out of range",
        pthread_barrierattr_setpshared(&attributes, 77) == EINVAL);
  HOLDS(pthread_barrierattr_setpshared, "sets what getpshared gives",
        pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
            pthread_barrierattr_getpshared(&attributes, &shared) == 0 && shared == PTHREAD_PROCESS_SHARED);
  HOLDS(pthread_barrierattr_destroy, "returns 0", pthread_barrierattr_destroy(&attributes) == 0);
}

CASE(count) {
  HOLDS(pthread_barrier_init, "EINVAL for a count of zero", pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
  HOLDS(pthread_barrier_init, "takes a count of one", pthread_barrier_init(&barrier, NULL, 1) == 0);
  HOLDS(pthread_barrier_wait, "PTHREAD_BARRIER_SERIAL_THREAD at once for a count of one",
        wait_here(NULL) == PTHREAD_BARRIER_SERIAL_THREAD);
  HOLDS(pthread_barrier_wait, "the same in another thread",
        by_another(wait_here, NULL) == PTHREAD_BARRIER_SERIAL_THREAD);
  HOLDS(pthread_barrier_destroy, "destroys it", pthread_barrier_destroy(&barrier) == 0);
  HOLDS(pthread_barrier_init, "initialises it anew after destroy", pthread_barrier_init(&barrier, NULL, 2) == 0);
  pthread_barrier_destroy(&barrier);
}

CASE(rounds) {
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, NULL, kThreads);
  serials = arrived = 0;
  for (int i = 0; i < kThreads - 1; i++) threads[i] = start(come, NULL);
  while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < kThreads - 1) usleep(100);
  usleep(1000);
  HOLDS(pthread_barrier_wait, "blocks until so many threads have called it", serials == 0);
  come(NULL);
  join_all(threads, kThreads - 1);
  HOLDS(pthread_barrier_wait, "returns PTHREAD_BARRIER_SERIAL_THREAD to exactly one thread", serials == 1);
  for (int round = 0; round < kRounds; round++) {
    for (int i = 0; i < kThreads; i++) threads[i] = start(come, NULL);
    join_all(threads, kThreads);
  }
  HOLDS(pthread_barrier_wait, "is reset for the next round, with its last initialised count", serials == 1 + kRounds);
  HOLDS(pthread_barrier_destroy, "destroys it when all have left", pthread_barrier_destroy(&barrier) == 0);
}

// More threads than a round takes: the rest begin the next.
CASE(more_threads_than_a_round) {
  pthread_t threads[3 * kThreads];
  pthread_barrier_init(&barrier, NULL, 3);
  serials = 0;
  for (int i = 0; i < 3 * kThreads; i++) threads[i] = start(come, NULL);
  join_all(threads, 3 * kThreads);
  HOLDS(pthread_barrier_wait, "one serial thread for each round of those that come", serials == kThreads);
  HOLDS(pthread_barrier_destroy, "destroys it after the last round", pthread_barrier_destroy(&barrier) == 0);
}

static pthread_spinlock_t spin;

static int try_spin(void* unused) {
  (void)unused;
  return pthread_spin_trylock(&spin);
}

static int held, let_go;

static void* hold_for_a_moment(void* unused) {
  CHECK_EQ(pthread_spin_lock(&spin), 0);
  set_flag(&held);
  usleep(2000);
  let_go = 1;
  CHECK_EQ(pthread_spin_unlock(&spin), 0);
  return unused;
}

CASE(spin_locks) {
  HOLDS(pthread_spin_init, "makes it for one process", pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
  HOLDS(pthread_spin_trylock, "locks a free one", pthread_spin_trylock(&spin) == 0);
  HOLDS(pthread_spin_trylock, "EBUSY where the caller holds it", pthread_spin_trylock(&spin) == EBUSY);
  HOLDS(pthread_spin_trylock, "EBUSY where another thread holds it", by_another(try_spin, NULL) == EBUSY);
  HOLDS(pthread_spin_unlock, "releases it", pthread_spin_unlock(&spin) == 0 && by_another(try_spin, NULL) == 0);
  pthread_spin_unlock(&spin);
  pthread_t holder = start(hold_for_a_moment, NULL);
  await_flag(&held);
  HOLDS(pthread_spin_lock, "returns when the holder has released it", pthread_spin_lock(&spin) == 0 && let_go == 1);
  join(holder);
  pthread_spin_unlock(&spin);
  held = let_go = 0;
  holder = start(hold_for_a_moment, NULL);
  await_flag(&held);
  while (pthread_spin_trylock(&spin) == EBUSY) continue;
  HOLDS(pthread_spin_trylock, "in a loop gets it when the holder has released it", let_go == 1);
  join(holder);
  pthread_spin_unlock(&spin);
  HOLDS(pthread_spin_destroy, "destroys it", pthread_spin_destroy(&spin) == 0);
  HOLDS(pthread_spin_init, "makes it for several processes, too",
        pthread_spin_init(&spin, PTHREAD_PROCESS_SHARED) == 0 && pthread_spin_lock(&spin) == 0);
}
