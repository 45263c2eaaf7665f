#pragma once

#include <atomic>
#include <cstddef>

#include "evergreen/deadline.h"
#include "evergreen/detail/lockable.h"
#include "evergreen/semaphore.h"

namespace evergreen {
namespace core {
class HubGreenlet;
}

// A lock for what several greenlets change, where they wait in between. Not recursive: who takes it twice waits for
// ever.
//
//     Lock file_lock;
//     ...
//     const std::lock_guard guard(file_lock);
//     append(file, fetch(url));
//
// A BoundedSemaphore of one unit, with all that this brings: it is fair, another greenlet may unlock it, and wait()
// tells when it is free. To unlock what is not locked throws std::logic_error.
//
// Threads, Fork: as Semaphore. Follows gevent.thread.LockType, that is threading.Lock.
class Lock final : public BoundedSemaphore {
 public:
  Lock() noexcept = default;
};

// A lock that its owner may take again: it is free when he has released it as often.
//
//     RLock lock;
//     void add(Item item) { const std::lock_guard guard(lock); ... }
//     void add_all(Items items) { const std::lock_guard guard(lock); for (auto& item : items) add(item); }
//
// The owner is a greenlet, or a plain kernel thread. Fair, as Semaphore is.
//
// Threads, Fork: as Semaphore, but who has taken it releases it. Follows gevent.lock.RLock.
class RLock final : public detail::Lockable<RLock> {
 public:
  RLock() noexcept = default;
  RLock(const RLock&) = delete;
  RLock& operator=(const RLock&) = delete;

  // Takes it, once more if it is this greenlet's: else waits until it is free, or `deadline` has passed. Returns
  // whether it has. Throws what ends this greenlet (GreenletExit, Timeout), and does not take it then.
  bool acquire(Deadline deadline = Deadline::never());

  // Releases it once. Throws std::logic_error if it is not this greenlet's.
  void release();

  // Somebody has it.
  [[nodiscard]] bool locked() const { return free_.locked(); }

  // This greenlet has it.
  [[nodiscard]] bool is_owned() const noexcept;

 private:
  friend class Condition;

  // For Condition: releases it whole; takes it again as often, whatever comes meanwhile.
  std::size_t suspend();
  void resume(std::size_t times) noexcept;

  Semaphore free_{1};
  std::atomic<core::HubGreenlet*> owner_{nullptr};
  std::size_t times_ = 0;  // the owner's
};

}  // namespace evergreen
