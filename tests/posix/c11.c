// <threads.h>: C11 7.26, and glibc's manual.
#include <stdint.h>
#include <threads.h>

#include "tests/posix/holds.h"
#include "tests/support/case.h"

enum { kShort = 5, kRounds = 4 };

static int give_back(void* value) { return (int)(intptr_t)value; }
static int exit_with(void* value) { thrd_exit((int)(intptr_t)value); }
static int tell_self(void* self) {
  *(thrd_t*)self = thrd_current();
  return 0;
}

static int result_of(int (*run)(void*), void* argument) {
  thrd_t thread;
  int result = -77;
  CHECK_EQ(thrd_create(&thread, run, argument), thrd_success);
  CHECK_EQ(thrd_join(thread, &result), thrd_success);
  return result;
}

static int seen;
static int set_seen(void* unused) {
  (void)unused;
  set_flag(&seen);
  return 0;
}

CASE(threads) {
  thrd_t thread, self;
  HOLDS(thrd_create, "runs the function with the argument", result_of(give_back, (void*)17) == 17);
  HOLDS(thrd_join, "gives a negative result, too", result_of(give_back, (void*)-3) == -3);
  HOLDS(thrd_exit, "sets the result", result_of(exit_with, (void*)-18) == -18);
  HOLDS(thrd_current, "identifies the thread that called it",
        thrd_create(&thread, tell_self, &self) == thrd_success && thrd_join(thread, NULL) == thrd_success &&
            thrd_equal(thread, self));
  HOLDS(thrd_equal, "zero for two different threads", thrd_equal(thread, thrd_current()) == 0);
  HOLDS(thrd_equal, "nonzero for the same thread", thrd_equal(thrd_current(), thrd_current()) != 0);
  HOLDS(thrd_current, "is the same as pthread_self in glibc", pthread_equal(thrd_current(), pthread_self()));
  HOLDS(thrd_join, "thrd_error where a thread joins itself", thrd_join(thrd_current(), NULL) == thrd_error);
  HOLDS(thrd_detach, "thrd_success",
        thrd_create(&thread, set_seen, NULL) == thrd_success && thrd_detach(thread) == thrd_success);
  await_flag(&seen);
}

CASE(sleeping) {
  struct timespec length = {0, 2000000}, wrong = {0, 1000000000}, negative = {-1, 0}, left = {5, 5};
  long long before = now_ns(CLOCK_MONOTONIC);
  HOLDS(thrd_sleep, "zero when the time has elapsed, not earlier",
        thrd_sleep(&length, &left) == 0 && now_ns(CLOCK_MONOTONIC) - before >= 2000000);
  HOLDS(thrd_sleep, "leaves what remains alone where it was not interrupted", left.tv_sec == 5 && left.tv_nsec == 5);
  HOLDS(thrd_sleep, "a negative value other than -1 for an error", thrd_sleep(&wrong, NULL) < -1);
  HOLDS(thrd_sleep, "an error for a negative time", thrd_sleep(&negative, NULL) < -1);
  thrd_yield();
}

static mtx_t mutex;
static int try_lock(void* unused) {
  (void)unused;
  return mtx_trylock(&mutex);
}
static int lock_shortly(void* unused) {
  (void)unused;
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  return mtx_timedlock(&mutex, &deadline);
}

CASE(mutexes) {
  struct timespec past = {0, 0};
  HOLDS(mtx_init, "thrd_success for mtx_plain", mtx_init(&mutex, mtx_plain) == thrd_success);
  HOLDS(mtx_lock, "locks it", mtx_lock(&mutex) == thrd_success);
  HOLDS(mtx_trylock, "thrd_busy where another thread has locked it", result_of(try_lock, NULL) == thrd_busy);
  HOLDS(mtx_trylock, "thrd_busy where the caller has locked a plain one", mtx_trylock(&mutex) == thrd_busy);
  HOLDS(mtx_unlock, "unlocks it", mtx_unlock(&mutex) == thrd_success);
  mtx_destroy(&mutex);
  HOLDS(mtx_init, "thrd_success for mtx_timed", mtx_init(&mutex, mtx_timed) == thrd_success);
  HOLDS(mtx_timedlock, "locks a free one, though the deadline has passed",
        mtx_timedlock(&mutex, &past) == thrd_success);
  HOLDS(mtx_timedlock, "thrd_timedout where it stays locked", result_of(lock_shortly, NULL) == thrd_timedout);
  mtx_unlock(&mutex);
  mtx_destroy(&mutex);
  HOLDS(mtx_init, "thrd_success for a recursive one", mtx_init(&mutex, mtx_plain | mtx_recursive) == thrd_success);
  HOLDS(mtx_lock, "a recursive one again by its holder", mtx_lock(&mutex) == thrd_success && mtx_lock(&mutex) == 0);
  mtx_unlock(&mutex);
  HOLDS(mtx_unlock, "a recursive one stays locked until all is undone", result_of(try_lock, NULL) == thrd_busy);
  mtx_unlock(&mutex);
  HOLDS(mtx_unlock, "thrd_error for a recursive one that is free", mtx_unlock(&mutex) == thrd_error);
  mtx_destroy(&mutex);
}

static cnd_t condition;
static int turn;

static int answer(void* unused) {
  (void)unused;
  mtx_lock(&mutex);
  for (int i = 0; i < kRounds; i++) {
    while (turn != 1) cnd_wait(&condition, &mutex);
    turn = 0;
    cnd_signal(&condition);
  }
  mtx_unlock(&mutex);
  return 0;
}

CASE(conditions) {
  thrd_t thread;
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  HOLDS(cnd_init, "thrd_success", cnd_init(&condition) == thrd_success);
  mtx_init(&mutex, mtx_plain);
  HOLDS(cnd_signal, "thrd_success where nobody waits", cnd_signal(&condition) == thrd_success);
  HOLDS(cnd_broadcast, "thrd_success where nobody waits", cnd_broadcast(&condition) == thrd_success);
  mtx_lock(&mutex);
  int result;
  while ((result = cnd_timedwait(&condition, &mutex, &deadline)) == thrd_success) continue;
  HOLDS(cnd_timedwait, "thrd_timedout when the deadline has passed", result == thrd_timedout);
  HOLDS(cnd_timedwait, "has locked the mutex when it returns", result_of(try_lock, NULL) == thrd_busy);
  CHECK_EQ(thrd_create(&thread, answer, NULL), thrd_success);
  for (int i = 0; i < kRounds; i++) {
    turn = 1;
    cnd_broadcast(&condition);
    while (turn != 0) CHECK_EQ(cnd_wait(&condition, &mutex), thrd_success);
  }
  mtx_unlock(&mutex);
  thrd_join(thread, NULL);
  HOLDS(cnd_wait, "is woken by cnd_signal and by cnd_broadcast", turn == 0);
  cnd_destroy(&condition);
}

static tss_t key;
static int destroyed;

static void destroy(void* value) { destroyed += *(int*)value; }
static int use_key(void* value) {
  if (tss_get(key) != NULL) return 1;
  return tss_set(key, value) == thrd_success && tss_get(key) == value ? 0 : 2;
}

CASE(storage) {
  int value = 5, mine = 0;
  HOLDS(tss_create, "thrd_success", tss_create(&key, destroy) == thrd_success);
  HOLDS(tss_get, "null at first", tss_get(key) == NULL);
  HOLDS(tss_set, "sets the caller's value", tss_set(key, &mine) == thrd_success && tss_get(key) == &mine);
  HOLDS(tss_get, "each thread has its own", result_of(use_key, &value) == 0 && tss_get(key) == &mine);
  HOLDS(tss_create, "the destructor is called when a thread ends, with its value", destroyed == 5);
  tss_delete(key);
  HOLDS(tss_delete, "calls no destructor", destroyed == 5);
}

static once_flag once = ONCE_FLAG_INIT;
static int runs;
static void run_once(void) { runs++; }
static int call_it_once(void* unused) {
  (void)unused;
  call_once(&once, run_once);
  return runs;
}

CASE(calls) {
  HOLDS(call_once, "calls the function", call_it_once(NULL) == 1);
  HOLDS(call_once, "not a second time", call_it_once(NULL) == 1);
  HOLDS(call_once, "nor in another thread", result_of(call_it_once, NULL) == 1);
}
