// Semaphores.
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <semaphore.h>

#include "tests/support/case.h"

enum { kThreads = 20, kRounds = 500, kPlaces = 3, kShort = 20 };

static int timed(sem_t* semaphore) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return sem_timedwait(semaphore, &deadline);
}

static int clocked_realtime(sem_t* semaphore) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return sem_clockwait(semaphore, CLOCK_REALTIME, &deadline);
}

static int clocked_monotonic(sem_t* semaphore) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline);
}

struct Waiting {
  sem_t semaphore;
  int (*wait)(sem_t*);
};

static void wait_for_post(void* argument) {
  struct Waiting* waiting = argument;
  CHECK_EQ(waiting->wait(&waiting->semaphore), 0);
}

static void post(void* argument) { CHECK_EQ(sem_post(&((struct Waiting*)argument)->semaphore), 0); }

static void meet_with(int (*wait)(sem_t*)) {
  struct Waiting waiting = {.wait = wait};
  int value = -1;
  CHECK_EQ(sem_init(&waiting.semaphore, 0, 0), 0);
  meet(wait_for_post, post, &waiting);
  CHECK_EQ(sem_getvalue(&waiting.semaphore, &value), 0);
  CHECK_EQ(value, 0);
  CHECK_EQ(sem_destroy(&waiting.semaphore), 0);
}

CASE(sem_wait) { meet_with(sem_wait); }
CASE(sem_timedwait) { meet_with(timed); }

CASE(sem_clockwait) {
  meet_with(clocked_realtime);
  meet_with(clocked_monotonic);
}

CASE(sem_post) {
  meet_with(sem_wait);
  sem_t semaphore;
  int value = -1;
  CHECK_EQ(sem_init(&semaphore, 0, SEM_VALUE_MAX - 1), 0);
  CHECK_EQ(sem_post(&semaphore), 0);
  CHECK_FAILS(sem_post(&semaphore), EOVERFLOW);
  CHECK_EQ(sem_getvalue(&semaphore, &value), 0);
  CHECK_EQ(value, SEM_VALUE_MAX);
  CHECK_EQ(sem_wait(&semaphore), 0);
  CHECK_EQ(sem_destroy(&semaphore), 0);
}

CASE(timeouts) {
  sem_t semaphore;
  struct timespec past = {0, 0}, wrong = {0, 1000000000}, deadline = in_ms(CLOCK_REALTIME, kShort);
  CHECK_EQ(sem_init(&semaphore, 0, 0), 0);
  CHECK_FAILS(sem_trywait(&semaphore), EAGAIN);
  CHECK_FAILS(sem_timedwait(&semaphore, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_FAILS(sem_timedwait(&semaphore, &past), ETIMEDOUT);
  CHECK_FAILS(sem_timedwait(&semaphore, &wrong), EINVAL);
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  CHECK_FAILS(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &deadline), ETIMEDOUT);
  CHECK(now_ns(CLOCK_MONOTONIC) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_FAILS(sem_clockwait(&semaphore, CLOCK_PROCESS_CPUTIME_ID, &deadline), EINVAL);
  CHECK_EQ(sem_post(&semaphore), 0);
  CHECK_EQ(sem_timedwait(&semaphore, &past), 0);  // free: the deadline is not looked at
  CHECK_EQ(sem_destroy(&semaphore), 0);
}

struct Places {
  sem_t semaphore;
  int inside, entered;
};

static void* enter_and_leave(void* argument) {
  struct Places* places = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(sem_wait(&places->semaphore), 0);
    CHECK(__atomic_add_fetch(&places->inside, 1, __ATOMIC_SEQ_CST) <= kPlaces);
    if (i % 8 == 0) sched_yield();
    __atomic_add_fetch(&places->entered, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&places->inside, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(sem_post(&places->semaphore), 0);
  }
  return NULL;
}

CASE(no_more_are_inside_than_places) {
  struct Places places = {.inside = 0};
  pthread_t threads[kThreads];
  int value = -1;
  CHECK_EQ(sem_init(&places.semaphore, 0, kPlaces), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(enter_and_leave, &places);
  join_all(threads, kThreads);
  CHECK_EQ(places.entered, kThreads * kRounds);
  CHECK_EQ(sem_getvalue(&places.semaphore, &value), 0);
  CHECK_EQ(value, kPlaces);
}

static void* wait_once(void* semaphore) {
  entering();
  CHECK_EQ(sem_wait(semaphore), 0);
  return NULL;
}

CASE(each_post_wakes_one) {
  sem_t semaphore;
  pthread_t threads[kThreads];
  int value = -1;
  CHECK_EQ(sem_init(&semaphore, 0, 0), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(wait_once, &semaphore);
  await_entered(kThreads);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(sem_post(&semaphore), 0);
  join_all(threads, kThreads);
  CHECK_EQ(sem_getvalue(&semaphore, &value), 0);
  CHECK_EQ(value, 0);
  CHECK_EQ(sem_destroy(&semaphore), 0);
}

static void wait_named(void* semaphore) { CHECK_EQ(sem_wait(semaphore), 0); }
static void post_named(void* semaphore) { CHECK_EQ(sem_post(semaphore), 0); }

CASE(named_semaphores) {
  char name[64];
  snprintf(name, sizeof name, "/evergreen-test-%d", (int)getpid());
  sem_t* semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
  CHECK(semaphore != SEM_FAILED);
  CHECK_EQ(sem_unlink(name), 0);
  meet(wait_named, post_named, semaphore);
  CHECK_EQ(sem_close(semaphore), 0);
}
