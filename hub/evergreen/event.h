#pragma once

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen {

// A flag that greenlets can wait for. Once set it stays set until it is cleared.
//
//     Event loaded;
//     spawn([&] { load(); loaded.set(); });
//     loaded.wait();                     // parks this greenlet; the others go on
//
// Threads: all members from any greenlet of any hub, and from plain kernel threads (wait() blocks those). Not from
// signal handlers. It must outlive who waits for it.
// Fork: the child must not use an Event that greenlets of its parent wait for.
// Follows gevent.event.Event.
class Event final : public detail::Waitable {
 public:
  // Sets the flag, and wakes all who wait, the oldest first: they run when this greenlet waits. Does nothing if it is
  // set already.
  void set();

  // Clears the flag. Those who were woken by an earlier set() still return true.
  void clear();

  // Whether wait() would return at once. gevent: is_set(), ready().
  [[nodiscard]] bool is_set() const { return ready(); }

  // Waits until the flag is set, or `deadline` has passed: at once if it is set, whatever the deadline. Returns whether
  // it was set. Throws what ends this greenlet (GreenletExit, Timeout).
  bool wait(Deadline deadline = Deadline::never());

 private:
  [[nodiscard]] bool is_ready() const noexcept override { return set_; }

  bool set_ = false;
};

}  // namespace evergreen
