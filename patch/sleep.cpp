#include <linux/futex.h>
#include <sys/syscall.h>

#include "hub/core/wait_fd.h"
#include "patch/cancel.h"
#include "patch/clock.h"
#include "patch/interruption.h"
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

// Parks until the deadline. Returns 0, or EINTR. Cancellation point.
int sleep_till(Deadline deadline, const char* why) {
  pthread_testcancel();
  const Interruption interruption(Interruption::Restarts::never);
  for (;;) {
    const core::Wake how = core::sleep_until(deadline, why);
    if (how == core::Wake::timed_out) return 0;
    if (const int error = interruption.after(how)) return error;
  }
}

// The same for a length of time; `left` is what a signal has left of it.
int sleep_for(std::chrono::nanoseconds length, const char* why, std::chrono::nanoseconds& left) {
  const Deadline deadline = Deadline::in(length);
  const int error = sleep_till(deadline, why);
  left = std::max(deadline.when() - Deadline::Clock::now(), std::chrono::nanoseconds(0));
  return error;
}

int sleep_for(std::chrono::nanoseconds length, const char* why, timespec* remaining) {
  std::chrono::nanoseconds left{};
  const int error = sleep_for(length, why, left);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  if (error != 0 && remaining != nullptr) *remaining = {seconds.count(), (left - seconds).count()};
  return error;
}

// Until the clock itself shows the time: it may have been set back meanwhile. A time in the past still lets others run.
int sleep_until_clock_shows(clockid_t clock, const timespec& time) {
  const auto has_come = [&] {
    timespec now{};
    clock_gettime(clock, &now);
    return length_of(now) >= length_of(time);
  };
  do {
    if (const int error = sleep_till(deadline_on(clock, time), "clock_nanosleep")) return error;
  } while (!has_come());
  return 0;
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
  if ((flags & TIMER_ABSTIME) != 0) return sleep_until_clock_shows(clock, *time);
  return sleep_for(length_of(*time), "clock_nanosleep", remaining);
}

// Sleeps. Cancellation point. A signal ends it.
SHIM int nanosleep(const timespec* length, timespec* remaining) {
  if (!on_greenlet() || !is_usable(length)) return real.nanosleep(length, remaining);
  const int error = sleep_for(length_of(*length), "nanosleep", remaining);
  return error == 0 ? 0 : fail(error);
}

SHIM int __nanosleep(const timespec* length, timespec* remaining) { return nanosleep(length, remaining); }

// Sleeps. Cancellation point. A signal ends it.
SHIM unsigned sleep(unsigned seconds) {
  if (!on_greenlet()) return real.sleep(seconds);
  std::chrono::nanoseconds left{};
  const int error = sleep_for(std::chrono::seconds(seconds), "sleep", left);
  return error == 0 ? 0 : static_cast<unsigned>(std::chrono::floor<std::chrono::seconds>(left).count());
}

// Sleeps. Cancellation point. A signal ends it.
SHIM int usleep(useconds_t length) {
  if (!on_greenlet()) return real.usleep(length);
  const int error = sleep_for(std::chrono::microseconds(length), "usleep", nullptr);
  return error == 0 ? 0 : fail(error);
}

// Lets the other greenlets run. The header says that it throws nothing, but an asynchronous cancellation unwinds it.
SHIM int evergreen_sched_yield() asm("sched_yield");
SHIM int evergreen_sched_yield() {
  if (!on_greenlet()) return real.sched_yield();
  core::yield();
  cancel_if_asynchronous();
  return 0;
}

SHIM int __sched_yield() noexcept { return sched_yield(); }

// The header renames it to sched_yield, for C++; older programs import the name.
SHIM int evergreen_pthread_yield() noexcept asm("pthread_yield");
SHIM int evergreen_pthread_yield() noexcept { return sched_yield(); }
