// What all objects that can be waited for are made of. Not for users.
#pragma once

#include <atomic>
#include <cstddef>

#include "evergreen/deadline.h"

namespace evergreen::core {
class HubGreenlet;
}

namespace evergreen::detail {

// One greenlet, or plain kernel thread, in one list; lives on its stack while it waits.
struct Waiter {
  Waiter() noexcept = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }

  Waiter* next = nullptr;
  Waiter* previous = nullptr;
  core::HubGreenlet* greenlet = nullptr;
  bool observes = false;  // wants to hear that the object is ready, and takes nothing from it: wait()
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

  WaitList() noexcept = default;
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

  // In the scope of a Guard. All who observe, and the oldest of the others, or all. Never switches.
  void wake_one() noexcept;
  void wake_all() noexcept;
  [[nodiscard]] bool empty() const noexcept { return head_.next == nullptr || head_.next == &head_; }

  // In the scope of a Guard: for who waits in several lists at once.
  void add(Waiter& waiter) noexcept { insert_before(head(), waiter); }
  static void remove(Waiter& waiter) noexcept;

 private:
  Waiter& head() noexcept;  // a ring; linked at its first use, so that a list can be constant-initialised
  static void insert_before(Waiter& at, Waiter& waiter) noexcept;
  void let_handlers_run(Guard& guard, Waiter& me);
  void lock() noexcept;
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

  std::atomic<bool> locked_{false};
  Waiter head_;
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
