// From the times of libc's interfaces to Deadlines.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>

#include "evergreen/deadline.h"

namespace evergreen::patch {

inline bool is_valid(const timespec& time) noexcept { return time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000; }

// The clocks that locks, semaphores and joins may name.
inline bool is_lock_clock(clockid_t clock) noexcept { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

inline std::chrono::nanoseconds length_of(const timespec& time) noexcept {
  constexpr time_t most = 4'000'000'000;  // seconds: the difference of two fits into 64 bits of nanoseconds
  return std::chrono::seconds(std::clamp(time.tv_sec, -most, most)) + std::chrono::nanoseconds(time.tv_nsec);
}

// When `clock` will show `time`. CLOCK_REALTIME is translated as it stands now: a later setting of the clock does not
// move the deadline.
inline Deadline deadline_on(clockid_t clock, const timespec& time) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return Deadline::in(length_of(time) - length_of(now));
}

// The same by ppoll and others: for ever if there is none.
inline Deadline deadline_in(const timespec* timeout) noexcept {
  return timeout == nullptr ? Deadline::never() : Deadline::in(length_of(*timeout));
}

// What poll and epoll_wait mean by a timeout: milliseconds, for ever if negative.
inline Deadline deadline_in_milliseconds(int timeout) noexcept {
  return timeout < 0 ? Deadline::never() : Deadline::in(std::chrono::milliseconds(timeout));
}

}  // namespace evergreen::patch
