#pragma once

#include <boost/intrusive/set.hpp>

#include "hub/core/hub_greenlet.h"
#include "hub/core/loop.h"

namespace evergreen::core {

// Deadlines of parked greenlets, over one timerfd: libev's own timers count in epoll's milliseconds and would wake
// sleepers half a millisecond late. Threads: the one that drives the hub.
class DeadlineQueue {
 public:
  // Throws std::system_error when the kernel refuses a timerfd.
  explicit DeadlineQueue(Loop& loop);
  ~DeadlineQueue();
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;

  // O(log n), no allocation. Precondition of add: greenlet.deadline is set and is not never().
  void add(HubGreenlet& greenlet) noexcept;
  void remove(HubGreenlet& greenlet) noexcept;

  // Takes out each greenlet whose deadline has passed by the real clock, the earliest first, and calls `expire` for it.
  template <class Expire>
  void expire(Expire expire) noexcept {
    if (order_.empty()) return;
    const Deadline now = Deadline::now();
    while (!order_.empty() && order_.begin()->deadline <= now) {
      HubGreenlet& greenlet = *order_.begin();
      order_.erase(order_.begin());
      expire(greenlet);
    }
  }

  // Before the loop waits: makes it wake at the earliest deadline, and at `latest`. At most one system call, mostly
  // none.
  void arm(Deadline latest = Deadline::never()) noexcept;

  [[nodiscard]] Deadline earliest() const noexcept {
    return order_.empty() ? Deadline::never() : order_.begin()->deadline;
  }

 private:
  struct Earlier {
    bool operator()(const HubGreenlet& a, const HubGreenlet& b) const noexcept { return a.deadline < b.deadline; }
  };

  boost::intrusive::multiset<HubGreenlet,
                             boost::intrusive::member_hook<HubGreenlet, DeadlineHook, &HubGreenlet::in_deadlines>,
                             boost::intrusive::compare<Earlier>, boost::intrusive::constant_time_size<false>>
      order_;
  Loop& loop_;
  int timer_;
  FdWatcher watcher_;
  Deadline armed_ = Deadline::never();  // when the timer will fire; may be earlier than anybody still wants
  bool fired_ = false;                  // readable until it is set again
};

}  // namespace evergreen::core
