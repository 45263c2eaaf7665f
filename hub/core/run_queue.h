#pragma once

#include <cstddef>

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

// Ready greenlets, first in, first out. Threads: the one that drives the hub.
class RunQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  void push_back(HubGreenlet& greenlet) noexcept {
    greenlet.next_ready = nullptr;
    (first_ == nullptr ? first_ : last_->next_ready) = &greenlet;
    last_ = &greenlet;
    ++size_;
  }

  // Runs next: for a waiter that others have overtaken before.
  void push_front(HubGreenlet& greenlet) noexcept {
    greenlet.next_ready = first_;
    if (first_ == nullptr) last_ = &greenlet;
    first_ = &greenlet;
    ++size_;
  }

  HubGreenlet* pop_front() noexcept {
    HubGreenlet* greenlet = first_;
    if (greenlet == nullptr) return nullptr;
    first_ = greenlet->next_ready;
    --size_;
    return greenlet;
  }

 private:
  HubGreenlet* first_ = nullptr;
  HubGreenlet* last_ = nullptr;  // meaningless while first_ is nullptr
  std::size_t size_ = 0;
};

}  // namespace evergreen::core
