#pragma once

#include <atomic>

#include "greenlet/arch_x86_64.h"

namespace evergreen {

// The waiting part of a SpinLock, for who has no room for more than a flag.
inline void spin_until_locked(std::atomic<bool>& locked) noexcept {
  while (locked.exchange(true, std::memory_order_acquire)) {
    for (int spins = 0; locked.load(std::memory_order_relaxed); ++spins) {
      spins % 128 == 127 ? arch::give_cpu() : arch::spin_hint();
    }
  }
}

// For lists of waiters and pools: held for some dozen instructions (a pool that grows: for an mmap), never across a
// park or a switch. The holder may have lost its CPU all the same: who waits for long gives it ours. Threads: any
// kernel thread. Not lock() from a signal handler, which may have interrupted the holder (see core::Runtime).
class SpinLock {
 public:
  void lock() noexcept { spin_until_locked(locked_); }
  bool try_lock() noexcept { return !locked_.exchange(true, std::memory_order_acquire); }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace evergreen
