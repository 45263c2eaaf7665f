// libev, and the only place that knows it. Callbacks run on the hub's loop stack; they make greenlets ready and never
// switch.
#pragma once

#include <ev.h>

#include <atomic>

#include "evergreen/deadline.h"

namespace evergreen::core {

class Loop {
 public:
  // `on_wake(argument)` runs on the loop's stack after each wake(). Throws std::system_error when the kernel refuses.
  Loop(void (*on_wake)(void*), void* argument);
  ~Loop() { close(); }
  void close() noexcept;  // its descriptors; nothing may be done with it afterwards
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs the watchers once: what is ready now, or after waiting until something is.
  enum class Patience { look, wait };
  void poll(Patience patience) { ev_run(loop_, patience == Patience::wait ? EVRUN_ONCE : EVRUN_NOWAIT); }

  // Ends a wait, or the next one. Any kernel thread, async-signal-safe; cheap when the loop is not waiting.
  void wake() noexcept {
    ev_async_send(loop_, &wake_);
    if (foreign_.fd.load(std::memory_order_acquire) >= 0) wake_foreign();
  }

  // For waiting in another loop: from now on wake() makes the loop's epoll descriptor readable until the next poll,
  // where libev's own way is for its own waits only. Returns a descriptor that the loop watches from the next poll on:
  // by it the loop's is found. Throws std::system_error.
  int watch_foreign_wakes();

 private:
  friend class FdWatcher;
  struct Foreign {
    std::atomic<int> fd{-1};  // eventfd
    std::atomic<bool> is_readable{false};
    ev_io watcher{};
  };
  void wake_foreign() noexcept;

  struct ev_loop* loop_;
  ev_async wake_{};
  Foreign foreign_;
  void (*on_wake_)(void*);
  void* argument_;
};

// One direction of one descriptor: level-triggered, and started again for nothing while it is started.
// Threads: the one that drives the hub.
class FdWatcher {
 public:
  enum class Direction : unsigned char { read = EV_READ, write = EV_WRITE };

  // `error`: libev could not watch it: the descriptor is closed, or refused by the kernel. The watcher is stopped then.
  using Callback = void (*)(FdWatcher& watcher, void* argument, bool error);

  FdWatcher(int fd, Direction direction, Callback callback, void* argument) noexcept;
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  void start(Loop& loop) noexcept {
    if (!ev_is_active(&io_)) ev_io_start(loop.loop_, &io_);
  }
  [[nodiscard]] int fd() const noexcept { return io_.fd; }
  [[nodiscard]] bool is_started() const noexcept { return ev_is_active(&io_); }
  void stop(Loop& loop) noexcept { ev_io_stop(loop.loop_, &io_); }

  // The number will mean another open file from now on. libev compares events only and would think that it has
  // registered that one already: make it ask the kernel again. Precondition: stopped.
  void forget() noexcept { ev_io_set(&io_, io_.fd, io_.events & (EV_READ | EV_WRITE)); }

 private:
  ev_io io_{};
  Callback callback_;
  void* argument_;
};

// The epoll descriptor of this process that watches `watched`: libev does not tell its own. -1: none.
int find_epoll(int watched) noexcept;

}  // namespace evergreen::core
