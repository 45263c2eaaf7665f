// Closing a descriptor that greenlets wait for, in whichever hub.
#pragma once

#include <cstdint>

namespace evergreen::core {

// Largest descriptor that can be waited for: Linux's default limit of fs.nr_open is 2^20.
inline constexpr int descriptor_limit = 1 << 20;

// Scope of the close: the number will mean another open file from now on, or none. Its waiters, in all hubs, are
// interrupted before the scope begins, and until it ends nobody else begins to wait: so no waiter is left over to sleep
// for ever or to get the events of the next owner.
//
// Scopes of one number may overlap: it is closed, and free for its next owner, before the scope ends.
//
// Any kernel thread and any greenlet; parks where another hub has to be asked, and does nothing inside hub code. errno
// is kept.
class Closing {
 public:
  explicit Closing(int fd) noexcept;
  ~Closing();
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

 private:
  const int fd_;
};

// The same for each number from `first` to `last`.
class ClosingRange {
 public:
  ClosingRange(unsigned first, unsigned last) noexcept;
  ~ClosingRange();
  ClosingRange(const ClosingRange&) = delete;
  ClosingRange& operator=(const ClosingRange&) = delete;

 private:
  int first_, end_;
};

// Whether somebody may be waiting for fd, or a hub still has a watcher for it. Mostly two loads. Any kernel thread.
[[nodiscard]] bool may_be_waited_for(int fd) noexcept;

// For those who are about to wait, after they have written down that they do.
[[nodiscard]] bool is_closing(int fd) noexcept;

// Hub number `hub` of Hubs waits for fd from now on, or no longer does. watch() returns whether it may: not while
// fd is being closed. Precondition: 0 <= fd < descriptor_limit.
[[nodiscard]] bool watch(int fd, unsigned hub) noexcept;
void unwatch(int fd, unsigned hub) noexcept;

// In a forked child: all waits are void.
void forget_watches() noexcept;

}  // namespace evergreen::core
