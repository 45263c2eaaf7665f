// Sleeps by clocks that no loop knows: the CPU's, and those that wake the machine.
#include <stdint.h>

#include "tests/support/case.h"

enum { kShort = 20000000 };

static int is_over;

static void sleep_for_cpu_time(void* unused) {
  (void)unused;
  struct timespec length = {0, kShort};
  long long begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &length, NULL), 0);
  CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - begin >= kShort);
  set_flag(&is_over);
}

static void sleep_until_cpu_time(void* unused) {
  (void)unused;
  long long end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + kShort;
  struct timespec time = {end / 1000000000, end % 1000000000};
  CHECK_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &time, NULL), 0);
  CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) >= end);
  set_flag(&is_over);
}

static void compute(void* unused) {
  (void)unused;
  await_flag(&is_over);
  is_over = 0;
}

CASE(cpu_time) {
  meet(sleep_for_cpu_time, compute, NULL);
  meet(sleep_until_cpu_time, compute, NULL);
}

static int nap_by(clockid_t clock) {
  struct timespec length = {0, 1000000};
  return clock_nanosleep(clock, 0, &length, NULL);
}

static void* nap_in_thread(void* clock) { return (void*)(intptr_t)nap_by(*(clockid_t*)clock); }

// Not everybody may use such a clock, nor has every machine one. When the first case of a program is this one, its main
// thread asks libc directly.
static void check_same_in_thread(clockid_t clock) {
  int result = nap_by(clock);
  CHECK_EQ((intptr_t)join(start(nap_in_thread, &clock)), result);
}

CASE(alarm_clocks) {
  check_same_in_thread(CLOCK_REALTIME_ALARM);
  check_same_in_thread(CLOCK_BOOTTIME_ALARM);
  check_same_in_thread(CLOCK_MONOTONIC_COARSE);
}
