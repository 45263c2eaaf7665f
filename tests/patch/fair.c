// No waiter starves under a hot lock: while others take it again and again, without a call between that would let
// anyone run, each of the waiters gets it so many times. Natively nothing promises that.
#include <semaphore.h>

#include "tests/support/case.h"

enum { kHogs = 2, kWaiters = 2, kTurns = 1000 };

struct Lock {
  void (*hog)(void);   // takes it and releases it
  void (*wait)(void);  // the same for those who must not starve
  int is_over;
};

static void* hog(void* argument) {
  struct Lock* lock = argument;
  while (!is_set(&lock->is_over)) lock->hog();
  return NULL;
}

static void* take_turns(void* argument) {
  struct Lock* lock = argument;
  for (int i = 0; i < kTurns; i++) lock->wait();
  return NULL;
}

static void check_turns(void (*hog_it)(void), void (*wait_for_it)(void)) {
  struct Lock lock = {hog_it, wait_for_it, 0};
  pthread_t hogs[kHogs], waiters[kWaiters];
  for (int i = 0; i < kHogs; i++) hogs[i] = start(hog, &lock);
  for (int i = 0; i < kWaiters; i++) waiters[i] = start(take_turns, &lock);
  join_all(waiters, kWaiters);
  set_flag(&lock.is_over);
  join_all(hogs, kHogs);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER,
                        for_writers = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_spinlock_t spin;
static sem_t semaphore;
static volatile long work;

static void stay_inside(void) {
  for (int i = 0; i < 100; i++) work++;
}

static void lock_mutex(void) {
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  stay_inside();
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static void use_rwlock(pthread_rwlock_t* lock, int (*take)(pthread_rwlock_t*)) {
  CHECK_EQ(take(lock), 0);
  stay_inside();
  CHECK_EQ(pthread_rwlock_unlock(lock), 0);
}

static void read_it(void) { use_rwlock(&rwlock, pthread_rwlock_rdlock); }
static void write_it(void) { use_rwlock(&rwlock, pthread_rwlock_wrlock); }
static void read_after_writers(void) { use_rwlock(&for_writers, pthread_rwlock_rdlock); }
static void write_before_readers(void) { use_rwlock(&for_writers, pthread_rwlock_wrlock); }

static void take_semaphore(void) {
  CHECK_EQ(sem_wait(&semaphore), 0);
  stay_inside();
  CHECK_EQ(sem_post(&semaphore), 0);
}

static void take_spin(void) {
  CHECK_EQ(pthread_spin_lock(&spin), 0);
  stay_inside();
  CHECK_EQ(pthread_spin_unlock(&spin), 0);
}

CASE(mutex) { check_turns(lock_mutex, lock_mutex); }
CASE(writers_beside_writers) { check_turns(write_it, write_it); }
CASE(readers_beside_writers) { check_turns(write_it, read_it); }
CASE(writers_beside_readers) { check_turns(read_it, write_it); }
CASE(preferred_writers_beside_readers) { check_turns(read_after_writers, write_before_readers); }

CASE(semaphore) {
  sem_init(&semaphore, 0, 1);
  check_turns(take_semaphore, take_semaphore);
}

CASE(spin) {
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  check_turns(take_spin, take_spin);
}
