#pragma once

#include <cstddef>

#include "evergreen/queue.h"

namespace evergreen {

// Where two greenlets meet: put() returns when somebody has taken the item, get() when somebody has brought one.
//
//     Channel<Job> jobs;
//     spawn([&] { for (Job& job : jobs) run(job); });
//     jobs.put(job);                  // somebody runs it now
//
// It holds nothing: an item is either taken, or put() has failed and it is not. All else is as in a Queue, and
// unfinished_tasks() counts what was taken.
//
// Follows gevent.queue.Channel.
template <class T>
class Channel : public Queue<T> {
 public:
  Channel() noexcept : Queue<T>(0) {}

  // How many wait to put, less how many wait to get.
  [[nodiscard]] std::ptrdiff_t balance() const { return detail::QueueCore::balance(); }

  T peek(Deadline deadline = Deadline::never()) = delete;
  T peek_nowait() = delete;
  void set_maxsize(std::size_t maxsize) = delete;
};

}  // namespace evergreen
