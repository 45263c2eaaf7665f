#include "evergreen/lock.h"

#include <stdexcept>
#include <utility>

#include "hub/core/park.h"

namespace evergreen {

bool RLock::is_owned() const noexcept { return owner_.load(std::memory_order_relaxed) == &core::current_or_thread(); }

bool RLock::acquire(Deadline deadline) {
  if (!is_owned()) {
    if (!free_.acquire(deadline)) return false;
    owner_.store(&core::current_or_thread(), std::memory_order_relaxed);
  }
  ++times_;
  return true;
}

void RLock::release() {
  if (!is_owned()) throw std::logic_error("an RLock is released by a greenlet that does not own it");
  if (--times_ != 0) return;
  owner_.store(nullptr, std::memory_order_relaxed);
  free_.release();
}

std::size_t RLock::suspend() {
  if (!is_owned()) throw std::logic_error("a wait with an RLock that this greenlet does not own");
  owner_.store(nullptr, std::memory_order_relaxed);
  const std::size_t times = std::exchange(times_, 0);
  free_.release();
  return times;
}

void RLock::resume(std::size_t times) noexcept {
  free_.resume(1);
  owner_.store(&core::current_or_thread(), std::memory_order_relaxed);
  times_ = times;
}

}  // namespace evergreen
