// Who runs: a hub's own code, or a greenlet's. The protocol by which a hub can be taken from a greenlet.
//
// A hub is driven by one kernel thread at a time, its carrier. Hub::turn_ is one atomic word, a counter and a state:
//
//     polling   the loop waits in epoll
//     runtime   hub code runs: run queue, descriptors, deadlines, a switch. Never interrupted
//     user      a greenlet's own code runs
//     kept      likewise, and that greenlet shares its TLS block with others of its hub: the hub is not taken from it
//
//   transition          who                                  how
//   runtime -> user     the driver, leaving hub code         store(release) of a new count: each turn is a new value
//   user -> runtime     the greenlet whose turn it is        compare-exchange from exactly that turn
//   user -> runtime     a spare carrier: the re-take         compare-exchange from exactly the turn it was offered
//   runtime <-> polling the driver, on the loop's stack      store
//
// In `runtime` and `polling` only the driver writes the word. In `user` each exchange expects the value of one turn,
// and no value ever comes again: so of all who try exactly one wins, and owns the hub. A turn is offered to a spare
// carrier by the monitor, when it lasts too long, or by the greenlet itself, around a call that blocks (SlowCall). An
// offer gives nothing away: the greenlet may come back before the spare wakes up, and then the offer is void.
//
// If the spare wins it goes on with the loop's stack. The greenlet runs on, on its old carrier, in parallel: detached.
// It finds out when it next enters (its turn is over), and until it must park it needs no hub: locks, posts and ready
// descriptors work from any kernel thread. To park it goes home first: it jumps to its carrier's idle stack, and only
// from there is it pushed to the hub's inbox, so nobody resumes a stack that is still in use. (Or it is solo, solo.h:
// then it blocks its carrier, and stays detached.)
//
// Who owns the hub may touch the greenlet that is detached from it: that one can't die, since it must go home for it.
//
// Memory order: what hub code wrote happens before the next owner's: store(release) of the turn and the winning
// exchange (acquire). Passengers are handed over by the inbox (release, acquire).
#pragma once

#include <atomic>
#include <cstdint>

namespace evergreen::core {

class Hub;
class HubGreenlet;
class Carrier;

// All in the running stack's TLS block.
//
// Inside the hub; also true while a detached greenlet or a plain kernel thread holds a spin lock of ours, so that a
// signal handler can tell. For ever on a hub's loop stack.
extern constinit thread_local bool in_runtime;
// The hub that the running code owns, in runtime; nullptr otherwise.
extern constinit thread_local Hub* running_hub;
// The value of Hub::turn_ when this greenlet last left hub code; 0 when it is detached, or no greenlet.
extern constinit thread_local std::uint64_t my_turn;
// The carrier that a greenlet was last resumed on: it stays there until it parks on its hub.
extern constinit thread_local Carrier* my_carrier;

// Something waits for this greenlet, notify.h. Set by others.
extern constinit thread_local std::atomic<bool> has_notice;
void take_notice();

void enter_hub() noexcept;
void leave_hub() noexcept;

// For a detached greenlet, in a Runtime: owns its hub afterwards, and may have changed its kernel thread.
void go_home() noexcept;

// Scope of code that must not be interrupted: run queues, lists of waiters, spin locks. A greenlet that is not detached
// owns its hub within.
//
// A signal handler may interrupt such a scope and call something that is async-signal-safe by POSIX (sem_post, write).
// It must neither take a spin lock that the interrupted code holds nor touch a half-changed queue: nested() tells it.
//
// At the end of the outermost one the greenlet takes notice: handlers of the program run there, which may throw, as an
// unwinding by pthread_exit does.
class Runtime {
 public:
  Runtime() noexcept : nested_(in_runtime) {
    in_runtime = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (!nested_ && my_turn != 0) enter_hub();
  }
  ~Runtime() noexcept(false) {
    if (!nested_ && running_hub != nullptr) leave_hub();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    in_runtime = nested_;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (!nested_ && has_notice.load(std::memory_order_relaxed)) [[unlikely]]
      take_notice();
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] bool nested() const noexcept { return nested_; }

 private:
  const bool nested_;
};

// A greenlet goes on, on the carrier that drives its hub now: from there on it is that one's.
void board(HubGreenlet& self) noexcept;

// For entry functions: a fresh greenlet starts in the hub, leaves it for its own code, and must end in it.
void begin_user_code(HubGreenlet& self);
void end_user_code() noexcept;

}  // namespace evergreen::core
