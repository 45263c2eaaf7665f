// Barriers.
#include <stdint.h>

#include "tests/support/case.h"

enum { kThreads = 10, kRounds = 200 };

static void wait_at_barrier(void* barrier) {
  int result = pthread_barrier_wait(barrier);
  CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

CASE(pthread_barrier_wait) {
  pthread_barrier_t barrier;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 0), EINVAL);
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
  meet(wait_at_barrier, wait_at_barrier, &barrier);
  CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
}

CASE(a_barrier_for_one) {
  pthread_barrier_t barrier;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 1), 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(pthread_barrier_wait(&barrier), PTHREAD_BARRIER_SERIAL_THREAD);
  CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
}

struct Rounds {
  pthread_barrier_t barrier;
  int arrived;
};

static void* walk_rounds(void* argument) {
  struct Rounds* rounds = argument;
  intptr_t serial = 0;
  for (int round = 1; round <= kRounds; round++) {
    __atomic_add_fetch(&rounds->arrived, 1, __ATOMIC_SEQ_CST);
    serial += pthread_barrier_wait(&rounds->barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
    int arrived = __atomic_load_n(&rounds->arrived, __ATOMIC_SEQ_CST);
    CHECK(arrived >= round * kThreads && arrived < (round + 1) * kThreads);  // all came, nobody is a round ahead
  }
  return (void*)serial;
}

CASE(all_come_before_any_goes_and_one_is_told_so) {
  struct Rounds rounds = {.arrived = 0};
  pthread_t threads[kThreads];
  intptr_t serial = 0;
  CHECK_EQ(pthread_barrier_init(&rounds.barrier, NULL, kThreads), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(walk_rounds, &rounds);
  for (int i = 0; i < kThreads; i++) serial += (intptr_t)join(threads[i]);
  CHECK_EQ(serial, kRounds);
  CHECK_EQ(pthread_barrier_destroy(&rounds.barrier), 0);
}

static void* wait_then_go(void* barrier) {
  wait_at_barrier(barrier);
  return NULL;
}

// POSIX: the barrier may be destroyed as soon as one has returned from it.
CASE(destroyed_by_the_first_who_returns) {
  for (int i = 0; i < 200; i++) {
    pthread_barrier_t barrier;
    pthread_t threads[3];
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 4), 0);
    for (int k = 0; k < 3; k++) threads[k] = start(wait_then_go, &barrier);
    wait_at_barrier(&barrier);
    CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
    memset(&barrier, 0xee, sizeof barrier);
    join_all(threads, 3);
  }
}
