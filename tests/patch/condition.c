// Condition variables.
#include <sched.h>

#include "tests/support/case.h"

enum { kWaiters = 50, kShort = 20 };

struct Condition {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  int (*wait)(struct Condition*);
  int value;
  int woken;
};

static void init_condition(struct Condition* state, clockid_t clock) {
  pthread_condattr_t attributes;
  *state = (struct Condition){.value = 0};
  CHECK_EQ(pthread_mutex_init(&state->mutex, NULL), 0);
  CHECK_EQ(pthread_condattr_init(&attributes), 0);
  CHECK_EQ(pthread_condattr_setclock(&attributes, clock), 0);
  CHECK_EQ(pthread_cond_init(&state->condition, &attributes), 0);
  CHECK_EQ(pthread_condattr_destroy(&attributes), 0);
}

static void destroy_condition(struct Condition* state) {
  CHECK_EQ(pthread_cond_destroy(&state->condition), 0);
  CHECK_EQ(pthread_mutex_destroy(&state->mutex), 0);
}

static void lock(struct Condition* state) { CHECK_EQ(pthread_mutex_lock(&state->mutex), 0); }
static void unlock(struct Condition* state) { CHECK_EQ(pthread_mutex_unlock(&state->mutex), 0); }

static void wait_for_value(void* argument) {
  struct Condition* state = argument;
  lock(state);
  while (state->value == 0) CHECK_EQ(state->wait(state), 0);
  state->value--;
  unlock(state);
}

static void signal_value(void* argument) {
  struct Condition* state = argument;
  lock(state);
  state->value++;
  CHECK_EQ(pthread_cond_signal(&state->condition), 0);
  unlock(state);
}

static void signal_value_unlocked(void* argument) {
  struct Condition* state = argument;
  lock(state);
  state->value++;
  unlock(state);
  CHECK_EQ(pthread_cond_signal(&state->condition), 0);
}

static void broadcast_value(void* argument) {
  struct Condition* state = argument;
  lock(state);
  state->value++;
  CHECK_EQ(pthread_cond_broadcast(&state->condition), 0);
  unlock(state);
}

static void meet_with(clockid_t clock, int (*wait)(struct Condition*), void (*wake)(void*)) {
  struct Condition state;
  init_condition(&state, clock);
  state.wait = wait;
  meet(wait_for_value, wake, &state);
  CHECK_EQ(state.value, 0);
  destroy_condition(&state);
}

static int wait_plain(struct Condition* state) { return pthread_cond_wait(&state->condition, &state->mutex); }

static int wait_until_realtime(struct Condition* state) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_cond_timedwait(&state->condition, &state->mutex, &deadline);
}

static int wait_until_monotonic(struct Condition* state) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_cond_timedwait(&state->condition, &state->mutex, &deadline);
}

static int clock_wait_realtime(struct Condition* state) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, 100000);
  return pthread_cond_clockwait(&state->condition, &state->mutex, CLOCK_REALTIME, &deadline);
}

static int clock_wait_monotonic(struct Condition* state) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, 100000);
  return pthread_cond_clockwait(&state->condition, &state->mutex, CLOCK_MONOTONIC, &deadline);
}

CASE(pthread_cond_wait) { meet_with(CLOCK_REALTIME, wait_plain, signal_value); }
CASE(pthread_cond_signal) { meet_with(CLOCK_REALTIME, wait_plain, signal_value_unlocked); }
CASE(pthread_cond_broadcast) { meet_with(CLOCK_REALTIME, wait_plain, broadcast_value); }

CASE(pthread_cond_timedwait) {
  meet_with(CLOCK_REALTIME, wait_until_realtime, signal_value);
  meet_with(CLOCK_MONOTONIC, wait_until_monotonic, signal_value);
}

CASE(pthread_cond_clockwait) {
  meet_with(CLOCK_REALTIME, clock_wait_monotonic, signal_value);
  meet_with(CLOCK_MONOTONIC, clock_wait_realtime, broadcast_value);
}

static void* find_locked(void* mutex) {
  CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
  return NULL;
}

static void check_held(struct Condition* state) { join(start(find_locked, &state->mutex)); }

static int time_out(struct Condition* state, clockid_t clock, int with_clock, struct timespec deadline) {
  if (with_clock) return pthread_cond_clockwait(&state->condition, &state->mutex, clock, &deadline);
  return pthread_cond_timedwait(&state->condition, &state->mutex, &deadline);
}

static void check_timeouts(clockid_t clock, int with_clock) {
  struct Condition state;
  init_condition(&state, with_clock ? CLOCK_REALTIME : clock);
  lock(&state);
  struct timespec deadline = in_ms(clock, kShort);
  CHECK_EQ(time_out(&state, clock, with_clock, deadline), ETIMEDOUT);
  CHECK(now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  check_held(&state);
  CHECK_EQ(time_out(&state, clock, with_clock, (struct timespec){0, 0}), ETIMEDOUT);
  check_held(&state);
  CHECK_EQ(time_out(&state, clock, with_clock, (struct timespec){0, 1000000000}), EINVAL);
  CHECK_EQ(time_out(&state, clock, with_clock, (struct timespec){0, -1}), EINVAL);
  check_held(&state);
  unlock(&state);
  destroy_condition(&state);
}

CASE(a_timeout_comes_with_the_mutex_held) {
  check_timeouts(CLOCK_REALTIME, 0);
  check_timeouts(CLOCK_MONOTONIC, 0);
  check_timeouts(CLOCK_REALTIME, 1);
  check_timeouts(CLOCK_MONOTONIC, 1);
}

CASE(clockwait_knows_two_clocks) {
  struct Condition state;
  init_condition(&state, CLOCK_REALTIME);
  lock(&state);
  CHECK_EQ(time_out(&state, CLOCK_PROCESS_CPUTIME_ID, 1, (struct timespec){0, 0}), EINVAL);
  CHECK_EQ(time_out(&state, 777, 1, (struct timespec){0, 0}), EINVAL);
  unlock(&state);
  destroy_condition(&state);
}

struct Late {
  struct Condition condition;
  int is_over;
};

static void* hold_beyond_the_deadline(void* argument) {
  struct Late* late = argument;
  lock(&late->condition);  // got while the other waits
  long long over = now_ns(CLOCK_REALTIME) + 2 * kShort * 1000000LL;
  while (now_ns(CLOCK_REALTIME) < over) usleep(1000);
  late->is_over = 1;
  unlock(&late->condition);
  return NULL;
}

// The deadline passes while another thread holds the mutex: the wait lasts until that one lets go.
CASE(a_timeout_waits_for_the_mutex) {
  struct Late late = {.is_over = 0};
  init_condition(&late.condition, CLOCK_REALTIME);
  lock(&late.condition);
  struct timespec deadline = in_ms(CLOCK_REALTIME, kShort);
  pthread_t holder = start(hold_beyond_the_deadline, &late);
  int error = 0;
  while (!late.is_over) error = time_out(&late.condition, CLOCK_REALTIME, 0, deadline);
  CHECK_EQ(error, ETIMEDOUT);
  check_held(&late.condition);
  unlock(&late.condition);
  join(holder);
  destroy_condition(&late.condition);
}

static void* wait_in_thread(void* argument) {
  struct Condition* state = argument;
  lock(state);
  entering();
  while (state->value == 0) CHECK_EQ(pthread_cond_wait(&state->condition, &state->mutex), 0);
  state->woken++;
  unlock(state);
  return NULL;
}

CASE(a_broadcast_wakes_all) {
  struct Condition state;
  pthread_t threads[kWaiters];
  init_condition(&state, CLOCK_REALTIME);
  for (int i = 0; i < kWaiters; i++) threads[i] = start(wait_in_thread, &state);
  await_entered(kWaiters);
  broadcast_value(&state);  // has the mutex, so all are inside the wait
  join_all(threads, kWaiters);
  CHECK_EQ(state.woken, kWaiters);
  destroy_condition(&state);
}

static void* take_in_thread(void* argument) {
  struct Condition* state = argument;
  lock(state);
  entering();
  while (state->value == 0) CHECK_EQ(pthread_cond_wait(&state->condition, &state->mutex), 0);
  state->value--;
  state->woken++;
  unlock(state);
  return NULL;
}

CASE(each_signal_wakes_one) {
  struct Condition state;
  pthread_t threads[kWaiters];
  init_condition(&state, CLOCK_REALTIME);
  for (int i = 0; i < kWaiters; i++) threads[i] = start(take_in_thread, &state);
  await_entered(kWaiters);
  for (int i = 0; i < kWaiters; i++) signal_value(&state);
  join_all(threads, kWaiters);
  CHECK_EQ(state.woken, kWaiters);
  CHECK_EQ(state.value, 0);
  destroy_condition(&state);
}

CASE(a_signal_that_nobody_waits_for_is_lost) {
  struct Condition state;
  init_condition(&state, CLOCK_REALTIME);
  CHECK_EQ(pthread_cond_signal(&state.condition), 0);
  CHECK_EQ(pthread_cond_broadcast(&state.condition), 0);
  lock(&state);
  CHECK_EQ(time_out(&state, CLOCK_REALTIME, 0, in_ms(CLOCK_REALTIME, kShort)), ETIMEDOUT);
  unlock(&state);
  destroy_condition(&state);
}

static void* relock_recursive(void* argument) {
  struct Condition* state = argument;
  lock(state);
  state->value = 1;
  CHECK_EQ(pthread_cond_signal(&state->condition), 0);
  unlock(state);
  return NULL;
}

CASE(waiting_with_a_recursive_and_an_error_checking_mutex) {
  int types[] = {PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
  for (int i = 0; i < 3; i++) {
    struct Condition state = {.condition = PTHREAD_COND_INITIALIZER};
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    CHECK_EQ(pthread_mutexattr_settype(&attributes, types[i]), 0);
    CHECK_EQ(pthread_mutex_init(&state.mutex, &attributes), 0);
    lock(&state);
    pthread_t other = start(relock_recursive, &state);
    while (state.value == 0) CHECK_EQ(pthread_cond_wait(&state.condition, &state.mutex), 0);
    check_held(&state);
    unlock(&state);
    join(other);
    destroy_condition(&state);
  }
}

CASE(the_wait_of_someone_who_does_not_own_the_mutex) {
  struct Condition state = {.condition = PTHREAD_COND_INITIALIZER};
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK), 0);
  CHECK_EQ(pthread_mutex_init(&state.mutex, &attributes), 0);
  CHECK_EQ(pthread_cond_wait(&state.condition, &state.mutex), EPERM);
}
