#include <linux/futex.h>
#include <sys/syscall.h>

#include "hub/core/wait_fd.h"
#include "patch/clock.h"
#include "patch/offload.h"

namespace evergreen::patch {
namespace {

bool is_wall_clock(clockid_t clock) noexcept {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
      return true;
    default:
      return false;  // CPU clocks, alarms, what does not exist: the kernel knows
  }
}

// Whether the kernel would take it, at the price of a system call that does nothing else with it: a shim must not fault
// where the call fails with EFAULT.
bool is_usable(const timespec* time) noexcept {
  const int saved = errno;
  int word = 0;
  const long result = real.syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, time, nullptr, 0);
  const bool usable = time != nullptr && result < 0 && errno == EAGAIN;
  errno = saved;
  return usable;
}

void sleep_for(std::chrono::nanoseconds length, const char* why) noexcept {
  core::sleep_until(Deadline::in(length), why);
}

// Until the clock itself shows the time: it may have been set back meanwhile. A time in the past still lets others run.
void sleep_until_clock_shows(clockid_t clock, const timespec& time) noexcept {
  const auto has_come = [&] {
    timespec now{};
    clock_gettime(clock, &now);
    return length_of(now) >= length_of(time);
  };
  do {
    core::sleep_until(deadline_on(clock, time), "clock_nanosleep");
  } while (!has_come());
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Sleeps. Cancellation point. A signal ends it.
SHIM int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* remaining) {
  const auto call = [=] { return real.clock_nanosleep(clock, flags, time, remaining); };
  if (!on_greenlet() || !is_usable(time)) return call();
  if (!is_wall_clock(clock)) return offloaded(call);
  if ((flags & TIMER_ABSTIME) != 0) {
    sleep_until_clock_shows(clock, *time);
  } else {
    sleep_for(length_of(*time), "clock_nanosleep");
  }
  return 0;
}

// Sleeps. Cancellation point. A signal ends it.
SHIM int nanosleep(const timespec* length, timespec* remaining) {
  if (!on_greenlet() || !is_usable(length)) return real.nanosleep(length, remaining);
  sleep_for(length_of(*length), "nanosleep");
  return 0;
}

SHIM int __nanosleep(const timespec* length, timespec* remaining) { return nanosleep(length, remaining); }

// Sleeps. Cancellation point. A signal ends it.
SHIM unsigned sleep(unsigned seconds) {
  if (!on_greenlet()) return real.sleep(seconds);
  sleep_for(std::chrono::seconds(seconds), "sleep");
  return 0;
}

// Sleeps. Cancellation point. A signal ends it.
SHIM int usleep(useconds_t length) {
  if (!on_greenlet()) return real.usleep(length);
  sleep_for(std::chrono::microseconds(length), "usleep");
  return 0;
}

// Lets the other greenlets run.
SHIM int sched_yield() noexcept {
  if (!on_greenlet()) return real.sched_yield();
  core::yield();
  return 0;
}

SHIM int __sched_yield() noexcept { return sched_yield(); }

// The header renames it to sched_yield, for C++; older programs import the name.
SHIM int evergreen_pthread_yield() noexcept asm("pthread_yield");
SHIM int evergreen_pthread_yield() noexcept { return sched_yield(); }
