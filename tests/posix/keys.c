// Thread-specific data: pthread_key_create, pthread_key_delete, pthread_getspecific, pthread_setspecific, POSIX.1-2017.
#include <limits.h>
#include <stdint.h>

#include "tests/posix/holds.h"

static pthread_key_t keys[PTHREAD_KEYS_MAX];

static void* get(void* key) { return pthread_getspecific(*(pthread_key_t*)key); }

static int destroyed;
static void* last_destroyed;

static void destroy(void* value) {
  __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
  last_destroyed = value;
}

static void* set(void* key) { return (void*)(intptr_t)pthread_setspecific(*(pthread_key_t*)key, key); }

CASE(values) {
  pthread_key_t key;
  HOLDS(pthread_key_create, "returns 0", pthread_key_create(&key, NULL) == 0);
  HOLDS(pthread_getspecific, "NULL for a new key", pthread_getspecific(key) == NULL);
  HOLDS(pthread_setspecific, "returns 0", pthread_setspecific(key, &key) == 0);
  HOLDS(pthread_getspecific, "gives the caller's value", pthread_getspecific(key) == &key);
  HOLDS(pthread_key_create, "a new thread's value is NULL", join(start(get, &key)) == NULL);
  CHECK(join(start(set, &key)) == NULL);
  HOLDS(pthread_setspecific, "threads have values of their own", pthread_getspecific(key) == &key);
  HOLDS(pthread_setspecific, "takes NULL", pthread_setspecific(key, NULL) == 0 && pthread_getspecific(key) == NULL);
  HOLDS(pthread_key_delete, "returns 0", pthread_key_delete(key) == 0);
  HOLDS(pthread_key_delete, "EINVAL for a deleted key", pthread_key_delete(key) == EINVAL);
  HOLDS(pthread_setspecific, "EINVAL for a deleted key", pthread_setspecific(key, &key) == EINVAL);
  HOLDS(pthread_getspecific, "NULL for a deleted key", pthread_getspecific(key) == NULL);
}

static int live, go_on;
static void* seen_after[2];

// The value of a key that is deleted and made anew meanwhile.
static void* keep_value(void* key) {
  CHECK_EQ(pthread_setspecific(*(pthread_key_t*)key, key), 0);
  set_flag(&live);
  await_flag(&go_on);
  seen_after[0] = pthread_getspecific(keys[0]);
  seen_after[1] = pthread_getspecific(keys[1]);
  return NULL;
}

CASE(keys_come_and_go_while_threads_live) {
  CHECK_EQ(pthread_key_create(&keys[0], destroy), 0);
  pthread_t thread = start(keep_value, &keys[0]);
  await_flag(&live);
  destroyed = 0;
  HOLDS(pthread_key_delete, "takes a key for which a thread has a value", pthread_key_delete(keys[0]) == 0);
  HOLDS(pthread_key_delete, "calls no destructor", destroyed == 0);
  CHECK_EQ(pthread_key_create(&keys[0], destroy), 0);
  CHECK_EQ(pthread_key_create(&keys[1], destroy), 0);
  set_flag(&go_on);
  join(thread);
  HOLDS(pthread_key_create, "the value is NULL in all threads that there are", !seen_after[0] && !seen_after[1]);
  HOLDS(pthread_key_delete, "no destructor is called for the key any more", destroyed == 0);
  CHECK_EQ(pthread_key_delete(keys[0]), 0);
  CHECK_EQ(pthread_key_delete(keys[1]), 0);
}

CASE(destructors) {
  pthread_key_t key;
  destroyed = 0;
  CHECK_EQ(pthread_key_create(&key, destroy), 0);
  join(start(set, &key));
  HOLDS(pthread_key_create, "the destructor is called once when a thread ends", destroyed == 1);
  HOLDS(pthread_key_create, "the destructor is given the thread's value", last_destroyed == &key);
  join(start(get, &key));
  HOLDS(pthread_key_create, "the destructor is not called for NULL", destroyed == 1);
  CHECK_EQ(pthread_key_delete(key), 0);
}

static pthread_key_t stubborn, watched;
static int rounds, others_value_was_there;

static void set_again(void* value) {
  if (pthread_getspecific(stubborn) != NULL) rounds += 1000;
  rounds++;
  pthread_setspecific(stubborn, value);
}

static void* set_stubborn(void* value) {
  pthread_setspecific(stubborn, value);
  return NULL;
}

static void set_twice(void* value) {
  if (++rounds < 2) pthread_setspecific(stubborn, value);
}

CASE(rounds) {
  CHECK_EQ(pthread_key_create(&stubborn, set_again), 0);
  join(start(set_stubborn, &stubborn));
  HOLDS(pthread_key_create, "the value is NULL when the destructor runs", rounds < 1000);
  HOLDS(pthread_key_create, "a destructor that sets its value again is called again", rounds > 1);
  HOLDS(pthread_key_create, "PTHREAD_DESTRUCTOR_ITERATIONS times at most", rounds == PTHREAD_DESTRUCTOR_ITERATIONS);
  CHECK_EQ(pthread_key_delete(stubborn), 0);
  rounds = 0;
  CHECK_EQ(pthread_key_create(&stubborn, set_twice), 0);
  join(start(set_stubborn, &stubborn));
  HOLDS(pthread_key_create, "no more rounds than are needed", rounds == 2);
  CHECK_EQ(pthread_key_delete(stubborn), 0);
}

static void delete_own_key(void* value) {
  destroy(value);
  CHECK_EQ(pthread_key_delete(stubborn), 0);
}

static void set_watched(void* value) {
  (void)value;
  others_value_was_there = pthread_setspecific(watched, &watched) == 0;
}

static void* set_for_delete(void* unused) {
  pthread_setspecific(stubborn, &stubborn);
  return unused;
}

CASE(destructors_use_keys) {
  destroyed = 0;
  CHECK_EQ(pthread_key_create(&stubborn, delete_own_key), 0);
  join(start(set_for_delete, NULL));
  HOLDS(pthread_key_delete, "can be called from a destructor", destroyed == 1);
  CHECK_EQ(pthread_key_create(&watched, destroy), 0);
  CHECK_EQ(pthread_key_create(&stubborn, set_watched), 0);
  join(start(set_for_delete, NULL));
  HOLDS(pthread_setspecific, "can be called from a destructor, for another key", others_value_was_there);
  HOLDS(pthread_setspecific, "what a destructor sets for another key is destroyed", last_destroyed == &watched);
  CHECK_EQ(pthread_key_delete(stubborn), 0);
  CHECK_EQ(pthread_key_delete(watched), 0);
}

static int after_exit;

static void exit_from_destructor(void* value) {
  (void)value;
  pthread_exit(&after_exit);
}

static void count_after_exit(void* value) {
  (void)value;
  after_exit++;
}

static void* set_both(void* unused) {
  pthread_setspecific(stubborn, &stubborn);
  pthread_setspecific(watched, &watched);
  return unused;
}

CASE(exit_from_a_destructor) {
  CHECK_EQ(pthread_key_create(&stubborn, exit_from_destructor), 0);
  CHECK_EQ(pthread_key_create(&watched, count_after_exit), 0);
  HOLDS(pthread_exit, "from a destructor it ends the thread with its value",
        join(start(set_both, NULL)) == &after_exit);
  HOLDS(pthread_exit, "from a destructor glibc calls no others for keys", after_exit == 0);
  CHECK_EQ(pthread_key_delete(stubborn), 0);
  CHECK_EQ(pthread_key_delete(watched), 0);
}

static int made;

static void* use_all(void* argument) {
  intptr_t base = (intptr_t)argument;
  for (int i = 0; i < made; i++) CHECK_EQ(pthread_setspecific(keys[i], (void*)(base + i)), 0);
  usleep(100);
  for (int i = 0; i < made; i++) CHECK(pthread_getspecific(keys[i]) == (void*)(base + i));
  return (void*)1;
}

CASE(all_keys) {
  int error = 0;
  destroyed = 0;
  while (made < PTHREAD_KEYS_MAX && (error = pthread_key_create(&keys[made], destroy)) == 0) made++;
  HOLDS(pthread_key_create, "at least _POSIX_THREAD_KEYS_MAX keys", made >= _POSIX_THREAD_KEYS_MAX);
  HOLDS(pthread_key_create, "nearly PTHREAD_KEYS_MAX keys, libraries have some", made > PTHREAD_KEYS_MAX - 20);
  pthread_key_t more;
  HOLDS(pthread_key_create, "EAGAIN where all keys are in use", pthread_key_create(&more, NULL) == EAGAIN);
  pthread_t threads[10];
  bool all = true;
  for (intptr_t i = 0; i < 10; i++) threads[i] = start(use_all, (void*)((i + 1) << 16));
  for (int i = 0; i < 10; i++) all = join(threads[i]) == (void*)1 && all;
  HOLDS(pthread_setspecific, "each thread has its own values of all keys", all);
  HOLDS(pthread_key_create, "each of all values is destroyed once", destroyed == 10 * made);
  for (int i = 0; i < made; i++) CHECK_EQ(pthread_key_delete(keys[i]), 0);
  HOLDS(pthread_key_create, "there are keys again when some were deleted", pthread_key_create(&more, NULL) == 0);
  CHECK_EQ(pthread_key_delete(more), 0);
}
