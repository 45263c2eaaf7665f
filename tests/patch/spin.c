// Spin locks: who spins must let the owner run.
#include <sched.h>

#include "tests/support/case.h"

enum { kThreads = 4, kRounds = 2000 };

struct Spin {
  pthread_spinlock_t lock;
  int is_held, is_let_go;
  long count;
};

static void spin_when_held(void* argument) {
  struct Spin* spin = argument;
  await_flag(&spin->is_held);
  CHECK_EQ(pthread_spin_lock(&spin->lock), 0);
  CHECK_EQ(spin->is_let_go, 1);
  spin->is_held = spin->is_let_go = 0;  // for the other round
  CHECK_EQ(pthread_spin_unlock(&spin->lock), 0);
}

static void hold_then_unlock(void* argument) {
  struct Spin* spin = argument;
  CHECK_EQ(pthread_spin_lock(&spin->lock), 0);
  set_flag(&spin->is_held);
  usleep(2000);
  spin->is_let_go = 1;
  CHECK_EQ(pthread_spin_unlock(&spin->lock), 0);
}

CASE(pthread_spin_lock) {
  struct Spin spin = {.is_held = 0};
  CHECK_EQ(pthread_spin_init(&spin.lock, PTHREAD_PROCESS_PRIVATE), 0);
  meet(spin_when_held, hold_then_unlock, &spin);
  CHECK_EQ(pthread_spin_destroy(&spin.lock), 0);
}

CASE(pthread_spin_trylock) {
  pthread_spinlock_t lock;
  CHECK_EQ(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE), 0);
  CHECK_EQ(pthread_spin_trylock(&lock), 0);
  CHECK_EQ(pthread_spin_trylock(&lock), EBUSY);
  CHECK_EQ(pthread_spin_unlock(&lock), 0);
  CHECK_EQ(pthread_spin_trylock(&lock), 0);
}

static void* count_with_spin(void* argument) {
  struct Spin* spin = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_spin_lock(&spin->lock), 0);
    long seen = spin->count;
    if (i % 100 == 0) sched_yield();  // others spin meanwhile
    spin->count = seen + 1;
    CHECK_EQ(pthread_spin_unlock(&spin->lock), 0);
  }
  return NULL;
}

CASE(one_thread_at_a_time_is_inside) {
  struct Spin spin = {.count = 0};
  pthread_t threads[kThreads];
  CHECK_EQ(pthread_spin_init(&spin.lock, PTHREAD_PROCESS_PRIVATE), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(count_with_spin, &spin);
  join_all(threads, kThreads);
  CHECK_EQ(spin.count, kThreads * kRounds);
}
