// C11 threads: they and their locks are those of POSIX.
#include <sched.h>
#include <stdint.h>
#include <threads.h>

#include "tests/support/case.h"

enum { kThreads = 10, kRounds = 200, kLong = 100000 };

static int return_value(void* value) { return (int)(intptr_t)value; }

static int exit_with_value(void* value) { thrd_exit((int)(intptr_t)value); }

static void create_and_join(int (*run)(void*), int value) {
  thrd_t thread;
  int result = value + 1;
  CHECK_EQ(thrd_create(&thread, run, (void*)(intptr_t)value), thrd_success);
  CHECK_EQ(thrd_join(thread, &result), thrd_success);
  CHECK_EQ(result, value);
}

struct Flags {
  int is_set, is_seen;
  pthread_t thread;
};

static int await_then_tell(void* argument) {
  struct Flags* flags = argument;
  flags->thread = pthread_self();
  await_flag(&flags->is_set);
  set_flag(&flags->is_seen);
  return 3;
}

static void set_it(void* argument) { set_flag(&((struct Flags*)argument)->is_set); }

static void join_who_waits(void* argument) {
  thrd_t thread;
  int result = 0;
  struct Flags* flags = argument;
  flags->is_set = 0;
  CHECK_EQ(thrd_create(&thread, await_then_tell, argument), thrd_success);
  CHECK_EQ(thrd_join(thread, &result), thrd_success);
  CHECK_EQ(result, 3);
  CHECK(thrd_equal(flags->thread, thread));
}

CASE(thrd_create) {
  create_and_join(return_value, 17);
  create_and_join(return_value, -1);
  create_and_join(return_value, INT32_MIN);
}

CASE(thrd_exit) {
  create_and_join(exit_with_value, 17);
  create_and_join(exit_with_value, -17);
}

CASE(thrd_join) {
  thrd_t thread;
  struct Flags flags = {0, 0, 0};
  CHECK_EQ(thrd_join(thrd_current(), NULL), thrd_error);
  CHECK_EQ(thrd_create(&thread, return_value, NULL), thrd_success);
  CHECK_EQ(thrd_join(thread, NULL), thrd_success);
  meet(join_who_waits, set_it, &flags);
}

CASE(thrd_detach) {
  struct Flags flags = {0, 0, 0};
  thrd_t thread;
  CHECK_EQ(thrd_create(&thread, await_then_tell, &flags), thrd_success);
  CHECK_EQ(thrd_detach(thread), thrd_success);
  set_flag(&flags.is_set);
  await_flag(&flags.is_seen);
}

static int sleep_then_set(void* flag) {
  struct timespec length = {0, 2000000};
  CHECK_EQ(thrd_sleep(&length, NULL), 0);
  set_flag(flag);
  return 0;
}

// One sleeps while the other runs, and sees to it that others run while it sleeps.
CASE(thrd_sleep) {
  thrd_t thread;
  int is_over = 0;
  struct timespec length = {0, 5000000}, wrong = {0, 1000000000}, remaining = {7, 7};
  CHECK_EQ(thrd_create(&thread, sleep_then_set, &is_over), thrd_success);
  CHECK(!is_set(&is_over));
  while (!is_set(&is_over)) CHECK_EQ(thrd_sleep(&length, &remaining), 0);
  CHECK_EQ(remaining.tv_sec, 7);
  CHECK_EQ(thrd_sleep(&wrong, NULL), -2);
  CHECK_EQ(thrd_join(thread, NULL), thrd_success);
}

CASE(thrd_yield) {
  struct Flags flags = {0, 0, 0};
  thrd_t thread;
  CHECK_EQ(thrd_create(&thread, await_then_tell, &flags), thrd_success);
  set_flag(&flags.is_set);
  while (!is_set(&flags.is_seen)) thrd_yield();
  CHECK_EQ(thrd_join(thread, NULL), thrd_success);
}

struct Held {
  mtx_t mutex;
  int is_held, is_let_go;
  int (*lock)(mtx_t*);
};

static void lock_when_held(void* argument) {
  struct Held* held = argument;
  await_flag(&held->is_held);
  CHECK_EQ(held->lock(&held->mutex), thrd_success);
  CHECK_EQ(held->is_let_go, 1);
  held->is_held = held->is_let_go = 0;  // for the other round
  CHECK_EQ(mtx_unlock(&held->mutex), thrd_success);
}

static void hold_then_unlock(void* argument) {
  struct Held* held = argument;
  CHECK_EQ(mtx_lock(&held->mutex), thrd_success);
  set_flag(&held->is_held);
  usleep(2000);
  held->is_let_go = 1;
  CHECK_EQ(mtx_unlock(&held->mutex), thrd_success);
}

static void meet_with(int (*lock)(mtx_t*)) {
  static const int types[] = {mtx_plain, mtx_timed, mtx_plain | mtx_recursive, mtx_timed | mtx_recursive};
  for (int i = 0; i < 4; i++) {
    struct Held held = {.lock = lock};
    CHECK_EQ(mtx_init(&held.mutex, types[i]), thrd_success);
    meet(lock_when_held, hold_then_unlock, &held);
    mtx_destroy(&held.mutex);
  }
}

static int lock_in_time(mtx_t* mutex) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  return mtx_timedlock(mutex, &deadline);
}

// In a loop without a pause: on one kernel thread the holder gets to run only if the call lets it.
static int lock_by_trying(mtx_t* mutex) {
  int result;
  while ((result = mtx_trylock(mutex)) == thrd_busy) continue;
  return result;
}

CASE(mtx_lock) { meet_with(mtx_lock); }
CASE(mtx_unlock) { meet_with(mtx_lock); }
CASE(mtx_timedlock) { meet_with(lock_in_time); }
CASE(mtx_trylock) { meet_with(lock_by_trying); }

struct Turns {
  mtx_t mutex;
  cnd_t condition;
  int turn, arrived;
  int (*wait)(cnd_t*, mtx_t*);
};

static int take_turns(void* argument) {
  struct Turns* turns = argument;
  CHECK_EQ(mtx_lock(&turns->mutex), thrd_success);
  int self = turns->arrived++;
  CHECK_EQ(cnd_broadcast(&turns->condition), thrd_success);
  for (int i = 0; i < kRounds; i++) {
    while (turns->turn != self || turns->arrived < kThreads)
      CHECK_EQ(turns->wait(&turns->condition, &turns->mutex), thrd_success);
    turns->turn = (self + 1) % kThreads;
    CHECK_EQ(cnd_broadcast(&turns->condition), thrd_success);
  }
  CHECK_EQ(mtx_unlock(&turns->mutex), thrd_success);
  return 0;
}

static void take_turns_with(int (*wait)(cnd_t*, mtx_t*)) {
  struct Turns turns = {.wait = wait};
  thrd_t threads[kThreads];
  CHECK_EQ(mtx_init(&turns.mutex, mtx_plain), thrd_success);
  CHECK_EQ(cnd_init(&turns.condition), thrd_success);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(thrd_create(&threads[i], take_turns, &turns), thrd_success);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(thrd_join(threads[i], NULL), thrd_success);
  CHECK_EQ(turns.turn, 0);
  cnd_destroy(&turns.condition);
  mtx_destroy(&turns.mutex);
}

static int wait_in_time(cnd_t* condition, mtx_t* mutex) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  return cnd_timedwait(condition, mutex, &deadline);
}

CASE(cnd_wait) { take_turns_with(cnd_wait); }
CASE(cnd_broadcast) { take_turns_with(cnd_wait); }
CASE(cnd_timedwait) { take_turns_with(wait_in_time); }

static void wait_for_flag(void* argument) {
  struct Turns* turns = argument;
  CHECK_EQ(mtx_lock(&turns->mutex), thrd_success);
  while (turns->turn == 0) CHECK_EQ(cnd_wait(&turns->condition, &turns->mutex), thrd_success);
  turns->turn = 0;
  CHECK_EQ(mtx_unlock(&turns->mutex), thrd_success);
}

static void signal_flag(void* argument) {
  struct Turns* turns = argument;
  CHECK_EQ(mtx_lock(&turns->mutex), thrd_success);
  turns->turn = 1;
  CHECK_EQ(cnd_signal(&turns->condition), thrd_success);
  CHECK_EQ(mtx_unlock(&turns->mutex), thrd_success);
}

CASE(cnd_signal) {
  struct Turns turns = {.turn = 0};
  CHECK_EQ(mtx_init(&turns.mutex, mtx_plain), thrd_success);
  CHECK_EQ(cnd_init(&turns.condition), thrd_success);
  meet(wait_for_flag, signal_flag, &turns);
}

static once_flag once;
static int runs, is_inside, may_end;

static void initialise_slowly(void) {
  set_flag(&is_inside);
  await_flag(&may_end);
  runs++;
}

static int call_it_once(void* unused) {
  (void)unused;
  call_once(&once, initialise_slowly);
  CHECK_EQ(runs, 1);
  return 0;
}

static int let_it_end(void* unused) {
  (void)unused;
  await_flag(&is_inside);
  set_flag(&may_end);
  return 0;
}

// The main thread waits, too: it comes while another is inside, and only a third lets that one out.
CASE(call_once) {
  thrd_t first, ender;
  once = (once_flag)ONCE_FLAG_INIT;
  CHECK_EQ(thrd_create(&first, call_it_once, NULL), thrd_success);
  await_flag(&is_inside);
  CHECK_EQ(thrd_create(&ender, let_it_end, NULL), thrd_success);
  call_it_once(NULL);
  CHECK_EQ(thrd_join(first, NULL), thrd_success);
  CHECK_EQ(thrd_join(ender, NULL), thrd_success);
}
