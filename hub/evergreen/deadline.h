#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <compare>

namespace evergreen {

// A point in time until which to wait. Always the last parameter; relative times exist only where a caller has one.
//
//     event.wait(500ms);
//
// Threads: a value, usable anywhere.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

  // `length` from now, as in(): wherever a Deadline is wanted a length may stand.
  template <class Rep, class Period>
  Deadline(std::chrono::duration<Rep, Period> length) noexcept : Deadline(in(length)) {}  // NOLINT(*-explicit-*)

  // No end at all; one that has passed already; and any other.
  static constexpr Deadline never() noexcept { return Deadline(Clock::time_point::max()); }
  static Deadline now() noexcept { return Deadline(Clock::now()); }
  static constexpr Deadline at(Clock::time_point when) noexcept { return Deadline(when); }

  // `length` from now: at once if negative, never() if beyond what the clock can count.
  template <class Rep, class Period>
  static Deadline in(std::chrono::duration<Rep, Period> length) noexcept {
    const auto now = Clock::now();
    if (length <= length.zero()) return Deadline(now);
    const std::chrono::duration<double> room = Clock::time_point::max() - now;
    if (std::chrono::duration<double>(length) >= room) return never();
    return Deadline(now + std::chrono::ceil<Clock::duration>(length));
  }

  // The last passes never, and its point in time is the greatest there is.
  [[nodiscard]] constexpr bool is_never() const noexcept { return when_ == Clock::time_point::max(); }
  [[nodiscard]] bool has_passed() const noexcept { return !is_never() && Clock::now() >= when_; }
  [[nodiscard]] constexpr Clock::time_point when() const noexcept { return when_; }

  // As the kernel takes it, on CLOCK_MONOTONIC: at least a nanosecond after boot, because zero means "none" to it.
  [[nodiscard]] timespec kernel_time() const noexcept {
    const auto since_boot = std::max(when_.time_since_epoch(), Clock::duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    return {seconds.count(), (since_boot - seconds).count()};
  }

  constexpr auto operator<=>(const Deadline&) const = default;

 private:
  constexpr explicit Deadline(Clock::time_point when) noexcept : when_(when) {}

  Clock::time_point when_;
};

}  // namespace evergreen
