// What the program wants done with each signal. Where that is a handler, the kernel knows one of ours instead, with the
// program's flags and mask; it calls the program's when it is clear on which greenlet (signals.h).
#pragma once

#include <signal.h>

#include <cstdint>

#include "greenlet/spin_lock.h"

namespace evergreen::patch {

struct SignalAction {
  void* handler;  // SIG_DFL and SIG_IGN too
  int flags;

  [[nodiscard]] bool is_handler() const noexcept {
    return handler != reinterpret_cast<void*>(SIG_DFL) && handler != reinterpret_cast<void*>(SIG_IGN);
  }
  [[nodiscard]] bool is_ignored(int signal) const noexcept;
};

// Any kernel thread; async-signal-safe.
[[nodiscard]] SignalAction action_of(int signal) noexcept;

// What the kernel has blocked while a handler of `signal` runs, beside the greenlet's own mask.
[[nodiscard]] std::uint64_t blocked_in_handler(int signal) noexcept;

// Held, in a Runtime, while a signal for which there is a handler is sent on, and while that is taken away: what is
// sent on as one to be handled must not meet the default action.
extern constinit SpinLock action_lock;

// SA_RESETHAND, just before the handler is called.
void reset_action(int signal) noexcept;

// Once, when the hub starts, with one thread: the handlers that are there become ours. `ours` is the kernel's from now
// on.
void adopt_actions(void (*ours)(int, siginfo_t*, void*)) noexcept;

}  // namespace evergreen::patch
