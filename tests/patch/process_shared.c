// Locks in memory that two processes share, each with several threads.
//
// Compiled twice: process_shared may use many kernel threads, process_shared_looked_at has one, where a call that
// blocks it would stop the thread that is waited for. (A barrier cannot be asked without waiting: it needs many.)
#include "tests/support/case.h"
#include "tests/support/shared_locks.h"

enum { kThreads = 4, kSides = 2, kRounds = 300, kFewRounds = 30, kPlaces = 2 };

static void run_here(void* (*run)(void*), struct SharedLocks* shared) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(run, shared);
  join_all(threads, kThreads);
}

// Runs `run` in kThreads threads of this process, and of a child.
static void run_on_both_sides(void* (*run)(void*), struct SharedLocks* shared) {
  pid_t child = fork_child();
  run_here(run, shared);
  if (child == 0) _exit(0);
  await_child(child);
}

static int rounds;

static void* count_with_mutex(void* argument) {
  struct SharedLocks* shared = argument;
  for (int i = 0; i < rounds; i++) {
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    CHECK_EQ(shared->inside++, 0);
    long seen = shared->count;
    if (i % 8 == 0) usleep(1);  // others run into the lock
    shared->count = seen + 1;
    CHECK_EQ(--shared->inside, 0);
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  }
  return NULL;
}

static void count_with(int type, int protocol, int robustness, int count) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  init_shared_mutex(&shared->mutex, type, protocol, robustness);
  rounds = count;
  run_on_both_sides(count_with_mutex, shared);
  CHECK_EQ(shared->count, kThreads * kSides * count);
  CHECK_EQ(pthread_mutex_destroy(&shared->mutex), 0);
  unshare_locks(shared);
}

static void count_with_all_types(int protocol, int robustness, int count) {
  count_with(PTHREAD_MUTEX_NORMAL, protocol, robustness, count);
  count_with(PTHREAD_MUTEX_RECURSIVE, protocol, robustness, count);
  count_with(PTHREAD_MUTEX_ERRORCHECK, protocol, robustness, count);
  count_with(PTHREAD_MUTEX_ADAPTIVE_NP, protocol, robustness, count);
}

CASE(mutexes) { count_with_all_types(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, kRounds); }
CASE(robust_mutexes) { count_with_all_types(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, kRounds); }
CASE(inheriting_mutexes) { count_with_all_types(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, kFewRounds); }

// All threads of both processes take turns.
static void* take_turns(void* argument) {
  struct SharedLocks* shared = argument;
  CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
  int self = shared->inside++;
  CHECK_EQ(pthread_cond_broadcast(&shared->condition), 0);
  for (int i = 0; i < kFewRounds; i++) {
    while (shared->turn != self || shared->inside < kThreads * kSides)
      CHECK_EQ(pthread_cond_wait(&shared->condition, &shared->mutex), 0);
    shared->count++;
    shared->turn = (self + 1) % (kThreads * kSides);
    CHECK_EQ(pthread_cond_broadcast(&shared->condition), 0);
  }
  CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  return NULL;
}

CASE(conditions) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  run_on_both_sides(take_turns, shared);
  CHECK_EQ(shared->count, kThreads * kSides * kFewRounds);
  CHECK_EQ(shared->turn, 0);
  unshare_locks(shared);
}

static pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;

static void* lock_and_signal(void* argument) {
  struct SharedLocks* shared = argument;
  entering();
  CHECK_EQ(pthread_mutex_lock(&own_mutex), 0);
  shared->turn = 1;
  CHECK_EQ(pthread_cond_signal(&shared->condition), 0);
  CHECK_EQ(pthread_mutex_unlock(&own_mutex), 0);
  return NULL;
}

// The mutex that goes with a shared condition need not be shared itself. Who queues up for it gets it from the wait.
CASE(condition_with_own_mutex) {
  struct SharedLocks* shared = share_locks(1);
  CHECK_EQ(pthread_mutex_lock(&own_mutex), 0);
  pthread_t thread = start(lock_and_signal, shared);
  await_entered(1);
  while (!shared->turn) CHECK_EQ(pthread_cond_wait(&shared->condition, &own_mutex), 0);
  CHECK_EQ(pthread_mutex_unlock(&own_mutex), 0);
  join(thread);
  unshare_locks(shared);
}

CASE(threads_take_turns_with_own_mutex) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  CHECK_EQ(pthread_mutex_init(&shared->mutex, NULL), 0);
  pthread_t threads[kThreads * kSides];
  for (int i = 0; i < kThreads * kSides; i++) threads[i] = start(take_turns, shared);
  join_all(threads, kThreads * kSides);
  CHECK_EQ(shared->count, kThreads * kSides * kFewRounds);
  unshare_locks(shared);
}

static void* read_and_write(void* argument) {
  struct SharedLocks* shared = argument;
  for (int i = 0; i < kRounds; i++) {
    bool writes = i % 4 == 0;
    CHECK_EQ(writes ? pthread_rwlock_wrlock(&shared->rwlock) : pthread_rwlock_rdlock(&shared->rwlock), 0);
    long seen = shared->count;
    if (writes) shared->count++;
    if (i % 16 < 2) usleep(1);
    CHECK_EQ(shared->twin, seen);
    if (writes) shared->twin++;
    CHECK_EQ(pthread_rwlock_unlock(&shared->rwlock), 0);
  }
  return NULL;
}

CASE(rwlocks) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  run_on_both_sides(read_and_write, shared);
  CHECK_EQ(shared->count, kThreads * kSides * kRounds / 4);
  CHECK_EQ(shared->twin, shared->count);
  unshare_locks(shared);
}

static void* pass_through_places(void* argument) {
  struct SharedLocks* shared = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(sem_wait(&shared->semaphore), 0);
    int inside = __atomic_add_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
    CHECK(inside <= kPlaces);
    if (i % 8 == 0) usleep(1);
    __atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(sem_post(&shared->semaphore), 0);
  }
  return NULL;
}

CASE(semaphores) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  int value = -1;
  for (int i = 0; i < kPlaces; i++) CHECK_EQ(sem_post(&shared->semaphore), 0);
  run_on_both_sides(pass_through_places, shared);
  CHECK_EQ(shared->count, kThreads * kSides * kRounds);
  CHECK_EQ(sem_getvalue(&shared->semaphore, &value), 0);
  CHECK_EQ(value, kPlaces);
  unshare_locks(shared);
}

static void answer_posts(struct SharedLocks* shared) {
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(sem_wait(&shared->semaphore), 0);
    CHECK_EQ(sem_post(&shared->answer), 0);
  }
}

CASE(posts_and_answers) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  pid_t child = fork_child();
  if (child == 0) {
    answer_posts(shared);
    _exit(0);
  }
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(sem_post(&shared->semaphore), 0);
    errno = 77;
    CHECK_EQ(sem_wait(&shared->answer), 0);
    CHECK_EQ(errno, 77);
  }
  await_child(child);
  unshare_locks(shared);
}

#ifndef ONE_CARRIER
static void* meet_at_barrier(void* argument) {
  struct SharedLocks* shared = argument;
  for (int i = 1; i <= kFewRounds; i++) {
    __atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
    int serial = pthread_barrier_wait(&shared->barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
    CHECK_EQ(__atomic_load_n(&shared->count, __ATOMIC_SEQ_CST), kThreads * kSides * i);
    __atomic_add_fetch(&shared->serials, serial, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&shared->barrier);
  }
  return NULL;
}

CASE(barriers) {
  struct SharedLocks* shared = share_locks(kThreads * kSides);
  run_on_both_sides(meet_at_barrier, shared);
  CHECK_EQ(shared->serials, kFewRounds);
  CHECK_EQ(pthread_barrier_destroy(&shared->barrier), 0);
  unshare_locks(shared);
}
#endif
