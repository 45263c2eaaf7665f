// sleep, usleep, nanosleep, clock_nanosleep, sched_yield, pthread_yield.
#include <sched.h>
#include <stdint.h>

#include "tests/support/case.h"

enum { kMillisecond = 1000000 };

static int nanosleep_for(long long ns) {
  struct timespec duration = {ns / 1000000000, ns % 1000000000}, left = {-1, -1};
  int result = nanosleep(&duration, &left);
  CHECK(left.tv_sec == -1 && left.tv_nsec == -1);  // written only where a signal interrupts
  return result;
}

static int usleep_for(long long ns) { return usleep((useconds_t)(ns / 1000)); }

static int clock_sleep_for(clockid_t clock, long long ns) {
  struct timespec duration = {ns / 1000000000, ns % 1000000000};
  return clock_nanosleep(clock, 0, &duration, NULL);
}

static int clock_sleep_until(clockid_t clock, long long ns) {
  long long at = now_ns(clock) + ns;
  struct timespec point = {at / 1000000000, at % 1000000000};
  int result = clock_nanosleep(clock, TIMER_ABSTIME, &point, NULL);
  CHECK(now_ns(clock) >= at);
  return result;
}

static int monotonic_for(long long ns) { return clock_sleep_for(CLOCK_MONOTONIC, ns); }
static int monotonic_until(long long ns) { return clock_sleep_until(CLOCK_MONOTONIC, ns); }
static int realtime_for(long long ns) { return clock_sleep_for(CLOCK_REALTIME, ns); }
static int realtime_until(long long ns) { return clock_sleep_until(CLOCK_REALTIME, ns); }
static int boottime_for(long long ns) { return clock_sleep_for(CLOCK_BOOTTIME, ns); }
static int boottime_until(long long ns) { return clock_sleep_until(CLOCK_BOOTTIME, ns); }

static int tai_for(long long ns) { return clock_sleep_for(CLOCK_TAI, ns); }
static int tai_until(long long ns) { return clock_sleep_until(CLOCK_TAI, ns); }

struct Sleep {
  int (*sleep)(long long);
  long long ns;
  int is_told;
};

// Sleeps again and again until the other thread has run: no length of a sleep decides the result.
static void sleep_until_told(void* argument) {
  struct Sleep* state = argument;
  while (!is_set(&state->is_told)) {
    long long begin = now_ns(CLOCK_MONOTONIC);
    CHECK_EQ(state->sleep(state->ns), 0);
    CHECK(now_ns(CLOCK_MONOTONIC) - begin >= state->ns);
  }
  state->is_told = 0;
}

static void tell(void* state) { set_flag(&((struct Sleep*)state)->is_told); }

static void meet_in(int (*sleep)(long long), long long ns) {
  struct Sleep state = {sleep, ns, 0};
  meet(sleep_until_told, tell, &state);
}

static int whole_second(long long ns) { return (int)sleep((unsigned)(ns / 1000000000)); }

CASE(sleep) {
  meet_in(whole_second, 1000000000);
  CHECK_EQ(sleep(0), 0);
}

CASE(usleep) {
  meet_in(usleep_for, 5 * kMillisecond);
  meet_in(usleep_for, 100 * 1000);
  CHECK_EQ(usleep(0), 0);
}

CASE(nanosleep) {
  meet_in(nanosleep_for, 5 * kMillisecond);
  meet_in(nanosleep_for, 10);
  meet_in(nanosleep_for, 0);
  struct timespec too_large = {0, 1000000000}, negative = {0, -1}, past = {-1, 0};
  CHECK_FAILS(nanosleep(&too_large, NULL), EINVAL);
  CHECK_FAILS(nanosleep(&negative, NULL), EINVAL);
  CHECK_FAILS(nanosleep(&past, NULL), EINVAL);
  struct timespec* volatile nowhere = (struct timespec*)1;
  CHECK_FAILS(nanosleep(nowhere, NULL), EFAULT);
}

CASE(clock_nanosleep) {
  meet_in(monotonic_for, 5 * kMillisecond);
  meet_in(monotonic_until, 5 * kMillisecond);
  meet_in(realtime_for, 5 * kMillisecond);
  meet_in(realtime_until, 5 * kMillisecond);
  meet_in(boottime_for, 5 * kMillisecond);
  meet_in(boottime_until, 5 * kMillisecond);
  meet_in(tai_for, 5 * kMillisecond);
  meet_in(tai_until, 5 * kMillisecond);
  meet_in(monotonic_until, -1000 * kMillisecond);
}

static void* sleep_for_ever(void* unused) {
  struct timespec longest = {__LONG_MAX__, 999999999};
  entering();
  if (!unused) clock_nanosleep(CLOCK_MONOTONIC, 0, &longest, NULL);
  if (unused) clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &longest, NULL);
  CHECK(!"such a sleep ends");
  return NULL;
}

CASE(absurd_lengths) {
  int absolute = 1;
  start(sleep_for_ever, NULL);
  start(sleep_for_ever, &absolute);
  await_entered(2);
  usleep(5000);
}

CASE(clock_nanosleep_returns_its_errors) {
  struct timespec too_large = {0, 1000000000}, negative = {0, -1}, past = {-1, 0}, good = {0, 1000};
  errno = 0;
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &too_large, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &negative, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &too_large, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &past, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &good, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(12345, 0, &good, NULL), EINVAL);
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &good, NULL), ENOTSUP);
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 2, &good, NULL), 0);  // other flags than TIMER_ABSTIME mean nothing
  CHECK_EQ(errno, 0);
}

CASE(points_in_the_past_return_at_once) {
  struct timespec early = {1, 0};
  CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &early, NULL), 0);
  CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &early, NULL), 0);
  CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){0, 0}, NULL), 0);
}

static void yield_until_told(void* is_told) {
  while (!is_set(is_told)) CHECK_EQ(sched_yield(), 0);
  *(int*)is_told = 0;
}

static void set_told(void* is_told) { set_flag(is_told); }

CASE(sched_yield) {
  int is_told = 0;
  meet(yield_until_told, set_told, &is_told);
}

// What programs linked before glibc 2.34 import; today's header makes sched_yield of it.
int old_pthread_yield(void);
__asm__(".symver old_pthread_yield,pthread_yield@GLIBC_2.2.5");

static void old_yield_until_told(void* is_told) {
  while (!is_set(is_told)) CHECK_EQ(old_pthread_yield(), 0);
  *(int*)is_told = 0;
}

CASE(pthread_yield) {
  int is_told = 0;
  meet(old_yield_until_told, set_told, &is_told);
}

enum { kTurns = 300 };

static int turns;

static void* take_odd_turns(void* unused) {
  (void)unused;
  for (int i = 0; i < kTurns; i++) {
    while (__atomic_load_n(&turns, __ATOMIC_ACQUIRE) % 2 == 0) sched_yield();
    __atomic_fetch_add(&turns, 1, __ATOMIC_RELEASE);
  }
  return NULL;
}

CASE(threads_take_turns_by_yielding) {
  pthread_t other = start(take_odd_turns, NULL);
  for (int i = 0; i < kTurns; i++) {
    while (__atomic_load_n(&turns, __ATOMIC_ACQUIRE) % 2 == 1) sched_yield();
    __atomic_fetch_add(&turns, 1, __ATOMIC_RELEASE);
  }
  join(other);
  CHECK_EQ(turns, 2 * kTurns);
}

static void* sleep_in_thread(void* milliseconds) {
  CHECK_EQ(nanosleep_for((intptr_t)milliseconds * kMillisecond), 0);
  return NULL;
}

// 200 sleeps of half a second one after another would last longer than a case may.
CASE(many_threads_sleep_at_once) {
  pthread_t threads[200];
  for (intptr_t i = 0; i < 200; i++) threads[i] = start(sleep_in_thread, (void*)(300 + i));
  join_all(threads, 200);
}

static void* yield_for_ever(void* is_told) {
  while (!is_set(is_told)) sched_yield();
  return NULL;
}

CASE(sleepers_wake_beside_threads_that_yield_all_the_time) {
  int is_told = 0;
  pthread_t threads[] = {start(yield_for_ever, &is_told), start(yield_for_ever, &is_told)};
  CHECK_EQ(nanosleep_for(20 * kMillisecond), 0);
  set_flag(&is_told);
  join_all(threads, 2);
}
