// Deadlocks: all greenlets of the library wait, and nothing will ever wake one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "evergreen/deadline.h"

namespace evergreen::core {

class Hub;

// When a hub that is about to wait for ever is looked at closer: not at once, because that takes reading /proc, and a
// kernel thread that has just woken a greenlet may not be back in its pool yet; and again later, at ever longer
// intervals, because a kernel thread that might have woken somebody may end without.
class Quiet {
 public:
  // `run`: the hub's, so that it tells whether somebody has run meanwhile.
  Deadline look_at(std::uint64_t run) noexcept {
    if (run != run_) begin(run, shortest);
    return at_;
  }
  void still_quiet() noexcept { begin(run_, std::min(patience_ * 2, longest)); }

 private:
  static constexpr std::chrono::milliseconds shortest{20}, longest{10'000};

  void begin(std::uint64_t run, std::chrono::milliseconds patience) noexcept {
    run_ = run;
    patience_ = patience;
    at_ = Deadline::in(patience);
  }

  std::uint64_t run_ = 0;
  std::chrono::milliseconds patience_ = shortest;
  Deadline at_ = Deadline::never();
};

// Nothing is due on this hub, whose loop's stack it is. If nothing from outside can wake a greenlet either: says so to
// the main one, by an exception (or by its return from wait_until_alone()), and returns true.
bool end_deadlock(Hub& hub) noexcept;

}  // namespace evergreen::core
