#include "evergreen/semaphore.h"

#include <stdexcept>

#include "evergreen/wait.h"

namespace evergreen {

using detail::Waiter;
using detail::WaitList;

bool Semaphore::acquire(Deadline deadline) {
  WaitList::Guard guard(waiters_);
  if (counter_ != 0) {
    --counter_;
    return true;
  }
  if (deadline.has_passed()) return false;
  Waiter me;
  waiters_.add(me);
  try {
    return waiters_.wait(guard, me, "Semaphore::acquire", deadline);
  } catch (...) {
    if (me.chosen) give();
    throw;
  }
}

void Semaphore::release() {
  const WaitList::Guard guard(waiters_);
  if (counter_ == bound_) throw std::logic_error("a semaphore or lock is released more often than it was acquired");
  give();
}

// In the scope of a Guard. Observers do not hear of a unit that is a waiter's already.
void Semaphore::give() noexcept {
  if (waiters_.choose_one()) return;
  ++counter_;
  waiters_.tell_observers();
}

std::size_t Semaphore::wait(Deadline deadline) {
  evergreen::wait({*this}, deadline);
  return counter();
}

std::size_t Semaphore::counter() const {
  const WaitList::Guard guard(waiters_);
  return counter_;
}

std::size_t Semaphore::suspend() {
  release();
  return 1;
}

void Semaphore::resume(std::size_t /*one*/) noexcept {
  WaitList::Guard guard(waiters_);
  if (counter_ != 0) {
    --counter_;
  } else {
    waiters_.wait_undisturbed(guard, "Semaphore::acquire");
  }
}

}  // namespace evergreen
