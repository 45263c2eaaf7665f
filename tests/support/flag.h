// The smallest thing that can be waited for, after the protocol in hub/core/park.h.
#pragma once

#include <mutex>

#include "greenlet/spin_lock.h"
#include "hub/core/park.h"

namespace evergreen::test {

// A binary semaphore with one waiter. Threads: any greenlet, any kernel thread.
class Flag {
 public:
  struct Outcome {
    core::Wake wake;
    bool was_linked;  // nobody woke us for this flag
  };

  // Until set(), which it takes back, or the deadline.
  bool wait(Deadline deadline = Deadline::never()) {
    while (!take()) {
      if (wait_once(deadline).wake == core::Wake::timed_out) return take();
    }
    return true;
  }

  // One park, whatever ends it; none if set.
  Outcome wait_once(Deadline deadline) {
    core::HubGreenlet& self = core::current_or_thread();
    core::prepare_to_park(self);
    {
      const core::Runtime runtime;
      const std::lock_guard guard(lock_);
      if (set_) return {core::Wake::woken, false};
      waiter_ = &self;
    }
    const core::Wake wake = core::park(self, "Flag", deadline);
    const core::Runtime runtime;
    const std::lock_guard guard(lock_);
    const bool was_linked = waiter_ == &self;
    waiter_ = nullptr;
    return {wake, was_linked};
  }

  // Wakes who waits; returns whether somebody did.
  bool set() {
    const core::Runtime runtime;
    const std::lock_guard guard(lock_);
    set_ = true;
    if (waiter_ == nullptr) return false;
    core::unpark(*waiter_, core::Wake::woken);
    waiter_ = nullptr;
    return true;
  }

  bool take() {
    const core::Runtime runtime;
    const std::lock_guard guard(lock_);
    const bool was_set = set_;
    set_ = false;
    return was_set;
  }

 private:
  SpinLock lock_;
  core::HubGreenlet* waiter_ = nullptr;
  bool set_ = false;
};

}  // namespace evergreen::test
