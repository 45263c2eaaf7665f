#pragma once

#include <exception>

namespace evergreen {

// No item came in time. gevent.queue.Empty.
class Empty : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the queue is empty"; }
};

// No room came in time, or nobody took the item. gevent.queue.Full.
class Full : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the queue is full"; }
};

// The queue takes no more items, and has none left. gevent.queue.ShutDown.
class ShutDown : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the queue has been shut down"; }
};

}  // namespace evergreen
