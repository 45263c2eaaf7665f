#pragma once

#include <atomic>

#include "greenlet/arch_x86_64.h"

namespace evergreen {

// For lists of waiters and pools: held for some dozen instructions, never across a park, a switch or a system call.
// Threads: any kernel thread. Not from a signal handler, which may have interrupted the holder (see core::Runtime).
class SpinLock {
 public:
  void lock() noexcept {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) arch::spin_hint();
    }
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace evergreen
