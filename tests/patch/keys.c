// Thread-specific keys and their destructors.
#include <limits.h>
#include <sched.h>
#include <stdint.h>

#include "tests/support/case.h"

enum { kKeys = 100, kThreads = 20 };  // more keys than the 32 which a thread's descriptor holds itself

static pthread_key_t keys[kKeys];

static void* value_of(intptr_t thread, int key) { return (void*)(thread * 1000 + key + 1); }

static void* set_and_get_all(void* thread) {
  for (int i = 0; i < kKeys; i++) CHECK(pthread_getspecific(keys[i]) == NULL);
  for (int i = 0; i < kKeys; i++) CHECK_EQ(pthread_setspecific(keys[i], value_of((intptr_t)thread, i)), 0);
  for (int round = 0; round < 5; round++) {
    if (round % 2) usleep(100);
    if (round % 2 == 0) sched_yield();
    for (int i = 0; i < kKeys; i++) CHECK(pthread_getspecific(keys[i]) == value_of((intptr_t)thread, i));
  }
  return NULL;
}

CASE(each_thread_has_its_own_values) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kKeys; i++) CHECK_EQ(pthread_key_create(&keys[i], NULL), 0);
  for (intptr_t i = 1; i < kThreads; i++) threads[i] = start(set_and_get_all, (void*)i);
  set_and_get_all(NULL);
  join_all(threads + 1, kThreads - 1);
  for (int i = 0; i < kKeys; i++) CHECK(pthread_getspecific(keys[i]) == value_of(0, i));
  for (intptr_t i = 1; i < kThreads; i++) threads[i] = start(set_and_get_all, (void*)i);  // begins with no values
  join_all(threads + 1, kThreads - 1);
  for (int i = 0; i < kKeys; i++) CHECK_EQ(pthread_key_delete(keys[i]), 0);
}

static long destroyed_sum, destroyed_count;

static void add_destroyed(void* value) {
  __atomic_add_fetch(&destroyed_sum, (long)value, __ATOMIC_RELAXED);
  __atomic_add_fetch(&destroyed_count, 1, __ATOMIC_RELAXED);
}

CASE(destructors_get_every_value_once) {
  pthread_t threads[kThreads];
  long sum = 0;
  for (int i = 0; i < kKeys; i++) CHECK_EQ(pthread_key_create(&keys[i], add_destroyed), 0);
  for (intptr_t i = 0; i < kThreads; i++) {
    threads[i] = start(set_and_get_all, (void*)i);
    for (int k = 0; k < kKeys; k++) sum += (long)value_of(i, k);
  }
  join_all(threads, kThreads);
  CHECK_EQ(destroyed_count, kThreads * kKeys);
  CHECK_EQ(destroyed_sum, sum);
  for (int i = 0; i < kKeys; i++) CHECK_EQ(pthread_key_delete(keys[i]), 0);
}

static pthread_key_t again_key, limited_key;
static int again_runs, limited_runs;

static void set_again(void* value) {
  CHECK(pthread_getspecific(again_key) == NULL);  // cleared before the destructor runs
  again_runs++;
  CHECK_EQ(pthread_setspecific(again_key, value), 0);
}

static void set_again_twice(void* value) {
  if (++limited_runs < 3) CHECK_EQ(pthread_setspecific(limited_key, value), 0);
}

static void* set_both(void* value) {
  CHECK_EQ(pthread_setspecific(again_key, value), 0);
  CHECK_EQ(pthread_setspecific(limited_key, value), 0);
  return NULL;
}

CASE(values_set_by_destructors_are_destroyed_in_the_next_round) {
  CHECK_EQ(pthread_key_create(&again_key, set_again), 0);
  CHECK_EQ(pthread_key_create(&limited_key, set_again_twice), 0);
  join(start(set_both, (void*)1));
  CHECK_EQ(again_runs, PTHREAD_DESTRUCTOR_ITERATIONS);
  CHECK_EQ(limited_runs, 3);
  CHECK_EQ(pthread_key_delete(again_key), 0);
  CHECK_EQ(pthread_key_delete(limited_key), 0);
}

static pthread_key_t deleted_key, null_key;
static int wrong_runs;

static void count_wrong(void* value) {
  (void)value;
  wrong_runs++;
}

static void* set_deleted_and_null(void* unused) {
  (void)unused;
  CHECK_EQ(pthread_setspecific(deleted_key, (void*)1), 0);
  CHECK_EQ(pthread_key_delete(deleted_key), 0);
  CHECK_EQ(pthread_setspecific(deleted_key, (void*)1), EINVAL);
  CHECK(pthread_getspecific(deleted_key) == NULL);
  CHECK_EQ(pthread_key_delete(deleted_key), EINVAL);
  CHECK_EQ(pthread_setspecific(null_key, (void*)1), 0);
  CHECK_EQ(pthread_setspecific(null_key, NULL), 0);
  return NULL;
}

CASE(deleted_keys_and_null_values_are_passed_over) {
  CHECK_EQ(pthread_key_create(&deleted_key, count_wrong), 0);
  CHECK_EQ(pthread_key_create(&null_key, count_wrong), 0);
  join(start(set_deleted_and_null, NULL));
  CHECK_EQ(wrong_runs, 0);
  CHECK_EQ(pthread_key_delete(null_key), 0);
  CHECK_EQ(pthread_setspecific(PTHREAD_KEYS_MAX, NULL), EINVAL);
  CHECK_EQ(pthread_key_delete(PTHREAD_KEYS_MAX), EINVAL);
}

struct OldValue {
  pthread_key_t key;
  pthread_barrier_t step;
};

static void* keep_value_of_a_deleted_key(void* argument) {
  struct OldValue* old = argument;
  CHECK_EQ(pthread_setspecific(old->key, old), 0);
  pthread_barrier_wait(&old->step);  // the key is deleted and created anew
  pthread_barrier_wait(&old->step);
  CHECK(pthread_getspecific(old->key) == NULL);
  return NULL;
}

CASE(a_new_key_of_an_old_number_has_no_value) {
  struct OldValue old;
  CHECK_EQ(pthread_barrier_init(&old.step, NULL, 2), 0);
  CHECK_EQ(pthread_key_create(&old.key, NULL), 0);
  pthread_key_t before = old.key;
  pthread_t thread = start(keep_value_of_a_deleted_key, &old);
  pthread_barrier_wait(&old.step);
  CHECK_EQ(pthread_key_delete(old.key), 0);
  CHECK_EQ(pthread_key_create(&old.key, count_wrong), 0);
  CHECK_EQ(old.key, before);
  pthread_barrier_wait(&old.step);
  join(thread);
  CHECK_EQ(wrong_runs, 0);
  CHECK_EQ(pthread_key_delete(old.key), 0);
}

static pthread_key_t sleeping_key, exiting_key;
static pthread_mutex_t destructor_mutex = PTHREAD_MUTEX_INITIALIZER;
static int slept;

static void sleep_and_count(void* value) {
  usleep(100);
  CHECK(pthread_getspecific(sleeping_key) == NULL);
  CHECK_EQ(pthread_mutex_lock(&destructor_mutex), 0);
  sched_yield();
  slept += (int)(intptr_t)value;
  CHECK_EQ(pthread_mutex_unlock(&destructor_mutex), 0);
}

static void* set_and_exit(void* value) {
  CHECK_EQ(pthread_setspecific(sleeping_key, value), 0);
  pthread_exit(value);
}

CASE(destructors_may_block) {
  pthread_t threads[kThreads];
  CHECK_EQ(pthread_key_create(&sleeping_key, sleep_and_count), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(set_and_exit, (void*)1);
  for (int i = 0; i < kThreads; i++) CHECK(join(threads[i]) == (void*)1);
  CHECK_EQ(slept, kThreads);
  CHECK_EQ(pthread_key_delete(sleeping_key), 0);
}

static void start_thread_and_join(void* value) {
  CHECK_EQ(pthread_key_delete(exiting_key), 0);
  join(start(set_and_exit, value));
}

static void* set_exiting(void* value) {
  CHECK_EQ(pthread_setspecific(exiting_key, value), 0);
  return NULL;
}

CASE(destructors_may_start_threads) {
  slept = 0;
  CHECK_EQ(pthread_key_create(&sleeping_key, sleep_and_count), 0);
  CHECK_EQ(pthread_key_create(&exiting_key, start_thread_and_join), 0);
  join(start(set_exiting, (void*)7));
  CHECK_EQ(slept, 7);
  CHECK_EQ(pthread_key_delete(sleeping_key), 0);
}

static void* hold_value(void* unused) {
  (void)unused;
  return pthread_getspecific(keys[0]);
}

CASE(pthread_key_create) {
  CHECK_EQ(pthread_key_create(&keys[0], NULL), 0);
  CHECK_EQ(pthread_setspecific(keys[0], &keys), 0);
  CHECK(join(start(hold_value, NULL)) == NULL);
  CHECK(pthread_getspecific(keys[0]) == &keys);
  CHECK_EQ(pthread_key_delete(keys[0]), 0);
}
