// A thread that ends while the deadline of who joins it passes.
#include <stdint.h>

#include "tests/support/case.h"

enum { kTimes = 20 };

static void* end_at(void* until) {
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, NULL);
  return (void*)77;
}

// So that both deadlines have passed when somebody next looks at them.
static void* compute_past(void* until) {
  const struct timespec* time = until;
  while (now_ns(CLOCK_MONOTONIC) < time->tv_sec * 1000000000LL + time->tv_nsec + 1000000) {
  }
  return NULL;
}

CASE(a_thread_ends_just_when_who_joins_it_gives_up) {
  for (int i = 0; i < kTimes; i++) {
    struct timespec until = in_ms(CLOCK_MONOTONIC, 3), deadline = until;
    if (deadline.tv_nsec < 999999999) deadline.tv_nsec++;
    void* result = NULL;
    pthread_t thread = start(end_at, &until), other = start(compute_past, &until);
    int error = pthread_clockjoin_np(thread, &result, CLOCK_MONOTONIC, &deadline);
    if (error == ETIMEDOUT) {
      result = join(thread);
    } else {
      CHECK_EQ(error, 0);
    }
    CHECK_EQ((intptr_t)result, 77);
    join(other);
  }
}
