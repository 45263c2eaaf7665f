#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_list.h"
#include "evergreen/lock.h"
#include "evergreen/semaphore.h"

namespace evergreen {

// Waits for something that is said under a lock, without holding it meanwhile.
//
//     Lock lock;
//     Condition changed;
//     ...
//     std::unique_lock guard(lock);
//     changed.wait(guard, [&] { return !jobs.empty(); });   // others may take the lock meanwhile
//     run(jobs.take());
//
// The lock is a Lock, an RLock (which is released whole, however often it is held), a Semaphore, any other lock, or a
// std::unique_lock of one. It is taken again whatever ends the wait. A lock of another kind must not throw from lock().
//
// Threads: all members from any greenlet of any hub, and from plain kernel threads (wait() blocks those). Not from
// signal handlers. It must outlive who waits for it.
// Fork: the child must not use one that greenlets of its parent wait for.
// Follows threading.Condition (gevent.monkey.patch_thread), with std::condition_variable_any's interface.
class Condition {
 public:
  Condition() noexcept = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // Releases `lock`, which this greenlet holds, waits for a notification, or until `deadline` has passed, and takes it
  // again; returns whether there was one. None is missed from the moment on that the lock is free. Throws what ends
  // this greenlet (GreenletExit, Timeout); the lock is held then, too. Throws std::logic_error if a Lock or RLock is
  // not held.
  template <class BasicLockable>
  bool wait(BasicLockable& lock, Deadline deadline = Deadline::never()) {
    Turn turn(waiters_);
    const Suspended suspended(underlying(lock));
    return turn.wait(deadline);
  }

  // The same until condition() holds, which is asked under the lock; returns whether it does. threading's wait_for().
  template <class BasicLockable, std::predicate Predicate>
  bool wait(BasicLockable& lock, Predicate condition, Deadline deadline = Deadline::never()) {
    while (!condition()) {
      if (!wait(lock, deadline)) return condition();
    }
    return true;
  }

  // Wakes the oldest who waits, or all; does nothing if nobody does. Whether the lock is held or not.
  void notify_one();
  void notify_all();

 private:
  // One wait: in the list from the beginning on.
  class Turn {
   public:
    explicit Turn(detail::WaitList& list);
    ~Turn();  // who was notified, and leaves by an exception, passes it on
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool wait(Deadline deadline);

   private:
    detail::WaitList& list_;
    detail::Waiter me_;
    bool is_over_ = false;
  };

  // The scope in which a lock is not held.
  template <class Mutex>
  class Suspended {
   public:
    explicit Suspended(Mutex& mutex) : mutex_(mutex) {
      if constexpr (is_ours) {
        times_ = mutex_.suspend();
      } else {
        mutex_.unlock();
      }
    }
    ~Suspended() {
      if constexpr (is_ours) {
        mutex_.resume(times_);
      } else {
        mutex_.lock();
      }
    }
    Suspended(const Suspended&) = delete;
    Suspended& operator=(const Suspended&) = delete;

   private:
    static constexpr bool is_ours = std::derived_from<Mutex, Semaphore> || std::same_as<Mutex, RLock>;

    Mutex& mutex_;
    std::size_t times_ = 0;
  };

  template <class BasicLockable>
  static auto& underlying(BasicLockable& lock) {
    if constexpr (requires { lock.mutex(); }) {
      return *lock.mutex();
    } else {
      return lock;
    }
  }

  detail::WaitList waiters_;
};

}  // namespace evergreen
