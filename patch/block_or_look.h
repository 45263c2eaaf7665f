// How a call is made whose end may come from another process: nobody there would wake a greenlet that is parked for it.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "hub/core/slow_call.h"
#include "hub/core/wait_fd.h"
#include "patch/interruption.h"

namespace evergreen::patch {

// Sleeps for a millisecond, or until the deadline. Where locks may park: see parks(). No cancellation point.
inline core::Wake sleep_a_little(const char* why, Deadline deadline) {
  return core::sleep_until(std::min(deadline, Deadline::in(std::chrono::milliseconds(1))), why, core::Hears::signals);
}

// Calls attempt() every millisecond until its result is not EBUSY; ETIMEDOUT when the deadline has passed. Each time
// handlers have run it ends with on_signal(), unless that is 0. Where the call is a cancellation point, so is
// attempt().
template <class Attempt, class OnSignal = int (*)()>
int look_every_millisecond(const char* why, Deadline deadline, Attempt attempt, OnSignal on_signal = wait_again) {
  for (;;) {
    const core::Wake how = sleep_a_little(why, deadline);
    const int result = attempt();
    if (result != EBUSY) return result;
    const int end = how == core::Wake::signalled ? on_signal() : 0;
    if (end != 0) return end;
    if (deadline.has_passed()) return ETIMEDOUT;
  }
}

// To be called when an attempt() has said EBUSY. Calls block(), libc's own call, which blocks the kernel thread:
// another carrier goes on with the hub. Where none is left, the sibling for whom we may wait would never run: then it
// looks every millisecond. A cancellation may end block() by unwinding this frame.
template <class Attempt, class Block, class OnSignal = int (*)()>
int block_or_look(const char* why, Deadline deadline, Attempt attempt, Block block, OnSignal on_signal = wait_again) {
  const core::SlowCall slow;
  return slow.offered() ? block() : look_every_millisecond(why, deadline, attempt, on_signal);
}

}  // namespace evergreen::patch
