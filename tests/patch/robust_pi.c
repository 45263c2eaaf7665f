// Robust mutexes, whose owners may die; priority-inheriting ones, whose owners the kernel wants to know; those with a
// priority ceiling. Runs twice, as process_shared.c does.
#include <signal.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

enum { kThreads = 6, kRounds = 200, kShort = 20, kLong = 100000 };

static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
                            PTHREAD_MUTEX_ADAPTIVE_NP};
enum { kTypes = sizeof types / sizeof *types };

static pthread_mutex_t mutex;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long count;
static int inside, turn, arrived;

static void init_mutex(int type, int protocol, int robustness) {
  pthread_mutexattr_t attributes;
  CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, type), 0);
  CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
  CHECK_EQ(pthread_mutexattr_setrobust(&attributes, robustness), 0);
  CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
}

static void lock(void) { CHECK_EQ(pthread_mutex_lock(&mutex), 0); }
static void unlock(void) { CHECK_EQ(pthread_mutex_unlock(&mutex), 0); }

static void* count_with_lock(void* rounds) {
  for (int i = 0; i < *(int*)rounds; i++) {
    lock();
    CHECK_EQ(inside++, 0);
    long seen = count;
    if (i % 8 == 0) usleep(1);  // others run into the lock
    count = seen + 1;
    CHECK_EQ(--inside, 0);
    unlock();
  }
  return NULL;
}

static void check_counts(int protocol, int robustness, int rounds) {
  for (int i = 0; i < kTypes; i++) {
    pthread_t threads[kThreads];
    count = 0;
    init_mutex(types[i], protocol, robustness);
    for (int t = 0; t < kThreads; t++) threads[t] = start(count_with_lock, &rounds);
    count_with_lock(&rounds);
    join_all(threads, kThreads);
    CHECK_EQ(count, (kThreads + 1) * rounds);
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
  }
}

CASE(counts_with_inheriting_mutexes) { check_counts(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, kRounds); }
CASE(counts_with_robust_mutexes) { check_counts(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, kRounds); }
CASE(counts_with_robust_inheriting_mutexes) { check_counts(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST, kRounds / 10); }

static int lock_until_realtime(pthread_mutex_t* held) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  return pthread_mutex_timedlock(held, &deadline);
}

struct Held {
  int is_held, is_let_go;
  int (*lock)(pthread_mutex_t*);
};

static void lock_when_held(void* argument) {
  struct Held* held = argument;
  await_flag(&held->is_held);
  CHECK_EQ(held->lock(&mutex), 0);
  CHECK_EQ(held->is_let_go, 1);
  held->is_held = held->is_let_go = 0;  // for the other round
  unlock();
}

static void hold_then_unlock(void* argument) {
  struct Held* held = argument;
  lock();
  set_flag(&held->is_held);
  usleep(2000);
  held->is_let_go = 1;
  unlock();
}

static void meet_with_all_types(int protocol, int robustness) {
  for (int i = 0; i < kTypes; i++) {
    struct Held held = {.lock = pthread_mutex_lock}, held_for_long = {.lock = lock_until_realtime};
    init_mutex(types[i], protocol, robustness);
    meet(lock_when_held, hold_then_unlock, &held);
    meet(lock_when_held, hold_then_unlock, &held_for_long);
    CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
  }
}

CASE(inheriting_mutex_that_is_held) { meet_with_all_types(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED); }
CASE(robust_mutex_that_is_held) { meet_with_all_types(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST); }
CASE(robust_inheriting_mutex_that_is_held) { meet_with_all_types(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST); }

static void* find_locked(void* unused) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort), past = {0, 0}, wrong = {0, 1000000000};
  CHECK_EQ(pthread_mutex_trylock(&mutex), EBUSY);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &past), ETIMEDOUT);
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &wrong), EINVAL);
  return unused;
}

static void* unlock_foreign(void* unused) {
  CHECK_EQ(pthread_mutex_unlock(&mutex), EPERM);
  return unused;
}

static void check_owner(int type, int protocol, int robustness) {
  init_mutex(type, protocol, robustness);
  lock();
  join(start(find_locked, NULL));
  if (type == PTHREAD_MUTEX_ERRORCHECK) {
    CHECK_EQ(pthread_mutex_lock(&mutex), EDEADLK);
    join(start(unlock_foreign, NULL));
  }
  if (type == PTHREAD_MUTEX_RECURSIVE) {
    lock();
    unlock();
    join(start(find_locked, NULL));
    join(start(unlock_foreign, NULL));
  }
  unlock();
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

static void* check_owners(void* unused) {
  for (int i = 0; i < kTypes; i++) {
    check_owner(types[i], PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
    check_owner(types[i], PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
  }
  return unused;
}

CASE(owners_and_timeouts) {
  check_owners(NULL);
  join(start(check_owners, NULL));
}

static void* take_turns(void* unused) {
  lock();
  int self = arrived++;
  CHECK_EQ(pthread_cond_broadcast(&condition), 0);
  for (int i = 0; i < kRounds; i++) {
    while (turn != self || arrived < kThreads) CHECK_EQ(pthread_cond_wait(&condition, &mutex), 0);
    turn = (self + 1) % kThreads;
    CHECK_EQ(pthread_cond_broadcast(&condition), 0);
  }
  unlock();
  return unused;
}

static void check_turns(int protocol, int robustness) {
  pthread_t threads[kThreads];
  turn = arrived = 0;
  init_mutex(PTHREAD_MUTEX_NORMAL, protocol, robustness);
  for (int i = 0; i < kThreads; i++) threads[i] = start(take_turns, NULL);
  join_all(threads, kThreads);
  CHECK_EQ(turn, 0);
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

CASE(condition_with_inheriting_mutex) { check_turns(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED); }
CASE(condition_with_robust_mutex) { check_turns(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST); }

// Natively, an ordinary thread may not have the priority of the ceiling; from its second try on glibc believes it has.
static void* lock_with_ceiling(void* is_held) {
  CHECK_EQ(pthread_mutex_lock(&mutex), EINVAL);
  lock();
  set_flag(is_held);
  usleep(2000);
  CHECK_EQ(count++, 0);
  unlock();
  return NULL;
}

CASE(mutex_with_ceiling) {
  int is_held = 0;
  count = 0;
  init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED);
  CHECK_EQ(pthread_mutex_lock(&mutex), EINVAL);
  pthread_t thread = start(lock_with_ceiling, &is_held);
  await_flag(&is_held);
  lock();
  CHECK_EQ(count, 1);
  unlock();
  join(thread);
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}

static void set_ceiling_when_held(void* argument) {
  struct Held* held = argument;
  int before = 0;
  await_flag(&held->is_held);
  CHECK_EQ(pthread_mutex_setprioceiling(&mutex, 2, &before), 0);
  CHECK(before == 1 || before == 2);
  CHECK_EQ(held->is_let_go, 1);
  held->is_held = held->is_let_go = 0;  // for the other round
}

static void hold_with_ceiling(void* argument) {
  struct Held* held = argument;
  while (pthread_mutex_lock(&mutex) == EINVAL) continue;  // see above
  set_flag(&held->is_held);
  usleep(2000);
  held->is_let_go = 1;
  unlock();
}

CASE(pthread_mutex_setprioceiling) {
  struct Held held = {0, 0, NULL};
  init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_STALLED);
  meet(set_ceiling_when_held, hold_with_ceiling, &held);
  CHECK_EQ(pthread_mutex_destroy(&mutex), 0);
}
