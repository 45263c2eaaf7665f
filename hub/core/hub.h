// A hub: a libev loop, a run queue, and the greenlets that it runs. gevent.hub.Hub.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hub/core/deadline_queue.h"
#include "hub/core/descriptors.h"
#include "hub/core/hub_greenlet.h"
#include "hub/core/inbox.h"
#include "hub/core/loop.h"
#include "hub/core/park.h"
#include "hub/core/run_queue.h"
#include "hub/core/runtime.h"

namespace evergreen::core {

// What `evergreen --stats` prints. Written by the hub's driver, read at exit.
struct Statistics {
  std::uint64_t greenlets = 0;       // spawned, ever
  std::uint64_t greenlets_peak = 0;  // alive at once
  std::uint64_t switches = 0;
  std::uint64_t parks = 0;
  std::uint64_t retakes = 0;   // the hub was taken from a greenlet that did not come back
  std::uint64_t offloads = 0;  // likewise, during a SlowCall
};

// Threads: one kernel thread at a time drives a hub; all members but push_foreign() and wake() are for that thread, in
// the scope of a Runtime.
// A greenlet that stops switches straight to the next ready one; the loop's stack runs when nobody is ready, and once
// in a while so that I/O and timers do not wait behind greenlets that are always ready.
class Hub {
 public:
  // Makes the running kernel thread the driver of a new hub, and `main`, its own stack, a greenlet of it. Never
  // destroyed: exit handlers, and whatever they call, still need it. Throws std::system_error or std::bad_alloc.
  static Hub& start(HubGreenlet& main);

  // In a forked child: starts afresh with the calling greenlet alone, in the same place. The others' stacks are gone
  // for good, like the threads of a forked process; so are all waits.
  void restart_after_fork(HubGreenlet& calling);

  // For greenlets of this hub, from its driver.
  void adopt(HubGreenlet& fresh) noexcept;                   // counts it and makes it ready
  RawGreenlet& leave_for_ever(HubGreenlet& dying) noexcept;  // picks who goes on instead
  void make_ready(HubGreenlet& greenlet, Order order) noexcept {
    order == Order::last ? ready_.push_back(greenlet) : ready_.push_front(greenlet);
  }
  void stop_running(HubGreenlet& self) noexcept;  // switches to who goes on; returns when `self` is resumed
  void yield(HubGreenlet& self) noexcept;

  DeadlineQueue& deadlines() noexcept { return deadlines_; }
  Descriptors& descriptors() noexcept { return descriptors_; }
  Statistics& statistics() noexcept { return statistics_; }
  HubGreenlet& main_greenlet() noexcept { return main_; }
  [[nodiscard]] pid_t process() const noexcept { return process_; }
  [[nodiscard]] std::size_t alive() const noexcept { return alive_.load(); }

  // The ownership word; the protocol is in runtime.h. take_turn: does `turn` still last? Then the hub is the caller's.
  [[nodiscard]] std::uint64_t turn() const noexcept { return turn_.load(std::memory_order_acquire); }
  [[nodiscard]] bool take_turn(std::uint64_t turn) noexcept {
    return turn_.compare_exchange_strong(turn, runtime, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t begin_turn() noexcept {  // by the driver: user code follows
    const std::uint64_t count = turn_count() + 1;
    turn_count_.store(count, std::memory_order_relaxed);
    turn_.store(count << 2 | user, std::memory_order_release);
    return count << 2 | user;
  }
  [[nodiscard]] std::uint64_t turn_count() const noexcept { return turn_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] static bool is_user(std::uint64_t turn) noexcept { return (turn & 3) == user; }
  [[nodiscard]] bool is_polling() const noexcept { return turn() == polling; }

  // By the carrier that owns it now, from its idle stack: goes on with the loop. Returns when a detached greenlet has
  // left for that idle stack.
  void drive(Carrier& by, RawGreenlet& idle) noexcept;
  [[nodiscard]] Carrier* carrier() const noexcept { return carrier_.load(std::memory_order_relaxed); }

  // From any kernel thread; wake() from signal handlers too.
  void push_foreign(HubGreenlet& greenlet) noexcept;
  void wake() noexcept;

  // Called on the loop's stack whenever wake() was: for what a signal handler could not do on the spot.
  void (*on_wake)() noexcept = nullptr;

 private:
  enum State : std::uint64_t { polling, runtime, user };

  explicit Hub(HubGreenlet& main, Carrier& carrier);
  ~Hub() = default;

  static RawGreenlet& loop_entry(RawGreenlet& self);
  [[noreturn]] void run_loop() noexcept;
  void look() noexcept;
  void grant() noexcept;
  HubGreenlet* next_ready() noexcept;
  RawGreenlet& successor() noexcept;

  Loop loop_;
  RunQueue ready_;
  Inbox inbox_;
  DeadlineQueue deadlines_;
  Descriptors descriptors_;
  HubGreenlet& main_;
  RawGreenlet* loop_greenlet_ = nullptr;
  std::size_t budget_ = 0;        // switches until the loop looks at descriptors and deadlines again
  std::size_t granted_ = 0;       // what budget_ was after the last look
  std::size_t short_round_ = 64;  // switches that lately fitted into a millisecond; 1 to 64
  Deadline::Clock::time_point round_began_{}, round_ended_{};
  std::atomic<std::size_t> alive_{1};  // also read by detached greenlets
  std::atomic<std::uint64_t> turn_{runtime}, turn_count_{0};
  std::atomic<Carrier*> carrier_;  // also read by the monitor
  const pid_t process_;
  Statistics statistics_;
};

}  // namespace evergreen::core
