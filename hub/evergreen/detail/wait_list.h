// What all objects that can be waited for are made of. Not for users.
#pragma once

#include <atomic>
#include <cstddef>

#include "evergreen/deadline.h"

namespace evergreen::core {
class HubGreenlet;
}

namespace evergreen::detail {

// An element of a ring.
struct Link {
  constexpr Link() noexcept = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }
  void unlink() noexcept;
  [[gnu::noinline]] void insert_before(Link& at) noexcept;  // else gcc warns: an object on the stack stays linked

  Link* next = nullptr;
  Link* previous = nullptr;
};

// One greenlet, or plain kernel thread, in one list; lives on its stack while it waits.
struct Waiter : Link {
  bool chosen = false;                    // by a wake-up, which is its alone
  core::HubGreenlet* greenlet = nullptr;  // parked for this; nullptr: not now
};

// Wants to hear that an object is ready, and takes nothing from it: wait(). Is not in the list any more then.
struct Observer : Link {
  virtual void hear() noexcept = 0;  // in the scope of the object's Guard

 protected:
  ~Observer() = default;
};

// Those who wait for one object, the oldest first, and the lock that guards it. The object's state changes in the scope
// of a Guard only, where nothing may block, switch or throw, and no code of users runs.
//
// Threads: any greenlet of any hub and any kernel thread. Not from signal handlers.
class WaitList {
 public:
  class [[nodiscard]] Guard {
   public:
    explicit Guard(WaitList& list) noexcept;
    ~Guard() noexcept(false);  // handlers of signals may run here, and end the thread
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    friend class WaitList;
    WaitList& list_;
    alignas(1) std::byte runtime_[1];  // a core::Runtime
  };

  constexpr WaitList() noexcept {
    waiters_.next = waiters_.previous = &waiters_;
    observers_.next = observers_.previous = &observers_;
  }
  ~WaitList();  // Somebody still waits: a bug of the caller. Says so, and aborts.
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  // Waits until ready() holds, which is asked under the lock; returns whether it does: at once if so, whatever the
  // deadline. Throws what ends the running greenlet (GreenletExit, Timeout), which takes nothing then. `why` is a
  // literal.
  template <class Ready>
  bool wait_until(Guard& guard, Ready ready, const char* why, Deadline deadline) {
    for (bool beaten = false; !ready(); beaten = true) {
      if (!wait(guard, why, deadline, beaten)) return ready();
    }
    return true;
  }

  // Parks until the running code is chosen by a wake; the lock is free meanwhile. Returns false if `deadline` has
  // passed first. `beaten`: it was chosen and found nothing, so it is the first in the list again. Whoever was chosen
  // and leaves by an exception passes the choice on.
  bool wait(Guard& guard, const char* why, Deadline deadline, bool beaten = false);

  // The same in two steps: `me` has been in the list since add(). Returns whether it is chosen. If this throws, and
  // `me` is chosen, then the caller passes the choice on. `guard` may be that of another list, which then guards both.
  bool wait(Guard& guard, Waiter& me, const char* why, Deadline deadline);

  // Until it is chosen, whatever else comes: kill(), Timeouts, signals stay for the next wait.
  void wait_undisturbed(Guard& guard, const char* why) noexcept;

  // What follows is for the scope of a Guard, and never switches.
  void add(Waiter& waiter) noexcept { waiter.insert_before(waiters_); }
  void add(Observer& observer) noexcept { observer.insert_before(observers_); }

  // Whether nobody waits; how many do. Who observes does not count.
  [[nodiscard]] bool empty() const noexcept { return waiters_.next == &waiters_; }
  [[nodiscard]] std::size_t count() const noexcept;

  // Who will be chosen next: one of the caller's own kind can be told more. nullptr: nobody waits.
  [[nodiscard]] Waiter* oldest() noexcept;

  // Tells all observers, and chooses the oldest who waits, or all.
  void wake_one() noexcept {
    tell_observers();
    choose_one();
  }
  void wake_all() noexcept {
    tell_observers();
    while (choose_one()) {
    }
  }

  // For objects that hand over what they have: it is the chosen one's from here on. Returns false if nobody waits.
  bool choose_one() noexcept;
  void tell_observers() noexcept;

 private:
  [[noreturn]] static void throw_end(Guard& guard, core::HubGreenlet& self);
  static void let_handlers_run(Guard& guard, Waiter& me);
  void lock() noexcept;
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

  std::atomic<bool> locked_{false};
  Link waiters_;  // heads of rings
  Link observers_;
};

// An object that wait() can wait for, beside others.
class Waitable {
 public:
  // Whether waiting for it would return at once.
  [[nodiscard]] bool ready() const {
    const WaitList::Guard guard(waiters_);
    return is_ready();
  }

 protected:
  Waitable() noexcept = default;
  ~Waitable() = default;

  [[nodiscard]] virtual bool is_ready() const noexcept = 0;  // in the scope of a Guard

  mutable WaitList waiters_;

 private:
  friend class WaitAny;
};

}  // namespace evergreen::detail
