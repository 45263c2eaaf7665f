#pragma once

#include <atomic>

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

// Greenlets made ready by somebody who does not drive their hub: another kernel thread, or a signal handler that
// interrupted hub code. push() is lock-free and async-signal-safe; take_all() is for the hub's driver alone.
class Inbox {
 public:
  void push(HubGreenlet& greenlet) noexcept {
    HubGreenlet* head = newest_.load(std::memory_order_relaxed);
    do {
      greenlet.next_ready = head;
    } while (!newest_.compare_exchange_weak(head, &greenlet, std::memory_order_release, std::memory_order_relaxed));
  }

  [[nodiscard]] bool empty() const noexcept { return newest_.load(std::memory_order_acquire) == nullptr; }

  // Calls `receive` for each, the oldest first.
  template <class Receive>
  void take_all(Receive receive) noexcept {
    if (newest_.load(std::memory_order_relaxed) == nullptr) return;
    HubGreenlet* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    HubGreenlet* oldest = nullptr;
    while (newest != nullptr) {
      HubGreenlet* next = newest->next_ready;
      newest->next_ready = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      HubGreenlet* next = oldest->next_ready;
      receive(*oldest);
      oldest = next;
    }
  }

 private:
  std::atomic<HubGreenlet*> newest_{nullptr};
};

}  // namespace evergreen::core
