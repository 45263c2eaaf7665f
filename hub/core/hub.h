// A hub: a libev loop, a run queue, and the greenlets that it runs. gevent.hub.Hub.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "greenlet/list.h"
#include "hub/core/deadline_queue.h"
#include "hub/core/descriptors.h"
#include "hub/core/hub_greenlet.h"
#include "hub/core/inbox.h"
#include "hub/core/loop.h"
#include "hub/core/offer_box.h"
#include "hub/core/park.h"
#include "hub/core/quiet.h"
#include "hub/core/run_queue.h"
#include "hub/core/runtime.h"

namespace evergreen::core {

// Written by the hub's driver, read at exit.
struct Statistics {
  std::uint64_t switches = 0;  // see Hub::run()
  std::uint64_t parks = 0;
  std::uint64_t retakes = 0;   // the hub was taken from a greenlet that did not come back
  std::uint64_t offloads = 0;  // likewise, during a SlowCall
};

// Whose greenlets a hub runs: threads of a program that was written for preemptive ones, each with a TLS block of its
// own; or also the library's, which share the main greenlet's block, and count on "no switch without a blocking call".
// From these the hub is never taken.
enum class Mode : std::uint8_t { threads, library };

// Threads: one kernel thread at a time drives a hub; all members but those marked "any" are for that thread, in the
// scope of a Runtime.
// A greenlet that stops switches straight to the next ready one; the loop's stack runs when nobody is ready, and once
// in a while so that I/O and timers do not wait behind greenlets that are always ready.
class Hub {
 public:
  // Makes the running kernel thread the driver of the process's first hub, and `main`, its own stack, a greenlet of
  // it. Never destroyed: exit handlers, and whatever they call, still need it. Throws std::system_error or
  // std::bad_alloc.
  static Hub& start(HubGreenlet& main, Mode mode = Mode::threads);

  // A further one, number `index` of Hubs. Its first turn is nobody's: offer it to a carrier. Throws like start().
  static Hub* make(unsigned index);

  // In a forked child, after Hubs::stay_in_parent(): starts afresh with the calling greenlet alone, in the same place.
  // Only in a Runtime. Throws like start(), and may then be called again.
  void restart_after_fork(HubGreenlet& calling);

  // In a forked child, before it restarts: closes what the loop has copies of.
  void close_loop() noexcept { loop_.close(); }

  // Any kernel thread: counts a greenlet of this hub, and makes it ready.
  void adopt(HubGreenlet& fresh) noexcept;

  RawGreenlet& leave_for_ever(HubGreenlet& dying) noexcept;  // picks who goes on instead
  void make_ready(HubGreenlet& greenlet, Order order) noexcept {
    order == Order::last ? ready_.push_back(greenlet) : ready_.push_front(greenlet);
  }
  void stop_running(HubGreenlet& self) noexcept;  // switches to who goes on; returns when `self` is resumed
  void yield(HubGreenlet& self) noexcept;

  DeadlineQueue& deadlines() noexcept { return deadlines_; }
  Descriptors& descriptors() noexcept { return descriptors_; }
  Statistics& statistics() noexcept { return statistics_; }
  [[nodiscard]] Mode mode() const noexcept { return mode_.load(std::memory_order_relaxed); }

  // By the main greenlet, in its own code: its block is shared from now on, so the hub is taken from it no more.
  // Threads that the hub has stay; new ones are dealt to others.
  void become_library() noexcept;

  // What follows is of library mode. By the main greenlet: runs those that are ready now, and looks at descriptors and
  // deadlines once, without waiting. Returns whether some are ready then.
  bool step(HubGreenlet& self) noexcept;

  // By the main greenlet, which drives the hub from another loop by step(): the descriptor to wait for there. It is
  // readable when something is to be done, if the last thing that the hub did was a step(). Throws std::system_error.
  int embed(HubGreenlet& self);

  // Until when that loop may wait at most; now, if there is something to be done.
  [[nodiscard]] Deadline may_wait_until() const noexcept;

  // Any: whether its driver waits in another loop, or in its own.
  [[nodiscard]] bool is_resting() const noexcept;

  // Parks until no greenlet is ready; until none is alive but the main one and those that serve the library itself, or
  // none can ever become ready (by the main one). woken, timed_out, ended; signalled: call it again.
  Wake wait_until_idle(HubGreenlet& self, Deadline deadline) noexcept;
  Wake wait_until_alone(HubGreenlet& self, Deadline deadline) noexcept;

  // Counts a greenlet that serves the library: nobody waits for its end. By itself: +1, and -1 before it ends.
  void count_service(int change) noexcept;

  // Counts who waits for descriptors.
  void count_fd_wait(int change) noexcept { fd_waits_ += change; }

  // Whether who is in wait_until_alone() was woken: nobody else will ever be ready. And whether all of that still
  // holds.
  bool give_up_waiting_alone() noexcept;
  [[nodiscard]] bool nothing_is_due() const noexcept {
    return ready_.empty() && inbox_.empty() && fd_waits_ == 0 && deadlines_.earliest().is_never();
  }

  // Any: how many greenlets live here.
  [[nodiscard]] std::size_t alive() const noexcept { return alive_.load(); }

  // Any: interrupts the greenlets of this hub that wait for `fd`, and stops its watchers. Parks until that is done.
  void forget(int fd) noexcept;

  // The ownership word, any; the protocol is in runtime.h. take_turn: does `turn` still last? Then the hub is the
  // caller's.
  [[nodiscard]] std::uint64_t turn() const noexcept { return turn_.load(std::memory_order_acquire); }
  [[nodiscard]] bool take_turn(std::uint64_t turn) noexcept {
    return turn_.compare_exchange_strong(turn, runtime, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  std::uint64_t begin_turn(HubGreenlet* owner) noexcept {  // by the driver: user code follows
    owner_.store(owner, std::memory_order_relaxed);
    const std::uint64_t fresh = ++turn_count_ << 2 | (keeps(owner) ? kept : user);
    turn_.store(fresh, std::memory_order_release);
    return fresh;
  }
  // Any: how often somebody was switched to. A run may have many turns: one ends whenever its greenlet enters the hub.
  [[nodiscard]] std::uint64_t run() const noexcept { return run_.load(std::memory_order_relaxed); }
  [[nodiscard]] static bool is_user(std::uint64_t turn) noexcept { return (turn & 3) >= user; }
  [[nodiscard]] static bool is_kept(std::uint64_t turn) noexcept { return (turn & 3) == kept; }
  [[nodiscard]] bool is_polling() const noexcept { return turn() == polling; }

  // Any: whose turn it is or was last. Not to be touched, unless that one is the caller or detached.
  [[nodiscard]] HubGreenlet* owner() const noexcept { return owner_.load(std::memory_order_relaxed); }

  // By the carrier that owns it now, from its idle stack: goes on with the loop. Returns when a detached greenlet has
  // left for that idle stack.
  void drive(Carrier& by, RawGreenlet& idle, Handover why) noexcept;
  [[nodiscard]] Carrier* carrier() const noexcept { return carrier_.load(std::memory_order_relaxed); }

  // Any: the turns that are offered.
  OfferBox offers;

  // Any; wake() from signal handlers too.
  void push_foreign(HubGreenlet& greenlet) noexcept;
  void wake() noexcept;

  // Called on the loop's stack whenever wake() was: for what a signal handler could not do on the spot.
  void (*on_wake)() noexcept = nullptr;

 private:
  enum State : std::uint64_t { polling, runtime, user, kept };

  struct Idler : Link<Idler> {
    HubGreenlet* greenlet = nullptr;
  };

  // Waits for errands to be run by the driver; lives on the asking greenlet's stack.
  struct Errand {
    int closed_fd;
    HubGreenlet& asker;
    Errand* next;
  };

  explicit Hub(unsigned index);
  ~Hub() = default;
  // On a TLS block of its own, or on `shared`. Once there are several kernel threads: blocks know that.
  void make_loop_greenlet(std::uintptr_t shared = 0);
  void begin_with(HubGreenlet& main, Carrier& carrier) noexcept;

  [[nodiscard]] bool keeps(const HubGreenlet* owner) const noexcept {
    return owner != nullptr && (owner->shares_block() || loop_greenlet_->shares_block());
  }

  static RawGreenlet& loop_entry(RawGreenlet& self);
  [[noreturn]] void run_loop() noexcept;
  void look() noexcept;
  void wait_for_work() noexcept;
  [[nodiscard]] bool is_alone() const noexcept { return alive_.load() <= 1 + services_.load(); }
  void receive() noexcept;
  void run_errands() noexcept;
  void grant() noexcept;
  void begin_run() noexcept { run_.store(run() + 1, std::memory_order_relaxed); }
  HubGreenlet* next_ready() noexcept;
  RawGreenlet& successor() noexcept;

  Loop loop_;
  RunQueue ready_;
  Inbox inbox_;
  DeadlineQueue deadlines_;
  Descriptors descriptors_;
  std::atomic<Mode> mode_{Mode::threads};
  RawGreenlet* loop_greenlet_ = nullptr;
  std::atomic<Errand*> errands_{nullptr};
  std::size_t budget_ = 0;        // switches until the loop looks at descriptors and deadlines again
  std::size_t granted_ = 0;       // what budget_ was after the last look
  std::size_t short_round_ = 64;  // switches that lately fitted into a millisecond; 1 to 64
  Deadline::Clock::time_point round_began_{}, round_ended_{};
  std::atomic<std::size_t> alive_{0};
  std::atomic<std::uint64_t> turn_{runtime}, run_{0};
  std::uint64_t turn_count_ = 0;
  std::atomic<HubGreenlet*> owner_{nullptr};
  std::atomic<Carrier*> carrier_{nullptr};
  Statistics statistics_;

  List<Idler> idlers_;              // wait until nobody is ready
  HubGreenlet* stepper_ = nullptr;  // the main greenlet, in step()
  HubGreenlet* joiner_ = nullptr;   // the main greenlet, in wait_until_alone()
  bool joiner_gives_up_ = false;
  int embedded_fd_ = -1;
  std::atomic<bool> is_embedded_{false};
  std::uint64_t clean_run_ = 0;  // of run_: nothing has happened since a look
  std::atomic<std::size_t> services_{0};
  int fd_waits_ = 0;
  Quiet quiet_;
};

}  // namespace evergreen::core
