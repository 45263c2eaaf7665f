// Which signals greenlets block. The kernel's mask of a carrier is the mask of the greenlet whose own code it runs, so
// that all which saves, changes or inherits a mask inside libc (sigsetjmp, fork, posix_spawn, ppoll) is simply right. A
// hub's loop runs with what every greenlet of the process blocks: so a signal that anybody leaves open reaches the
// process, and one that all block stays pending in the kernel, for sigwait, signalfd and sigpending to find.
//
// Bit n - 1 of a mask is signal n, as in the kernel's sigset_t.
#pragma once

#include <cstdint>

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

constexpr std::uint64_t signal_bit(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

// Nobody blocks SIGKILL, SIGSTOP (the kernel refuses) and the two of libc's own (pthread_sigmask(3) refuses).
constexpr std::uint64_t unblockable = signal_bit(9) | signal_bit(19) | signal_bit(32) | signal_bit(33);
constexpr std::uint64_t all_signals = ~unblockable;

// Threads: any, in the scope of a Runtime.
class SignalMasks {
 public:
  // A greenlet begins or ends.
  static void add(std::uint64_t mask) noexcept;
  static void remove(std::uint64_t mask) noexcept;

  // Gives the running greenlet another mask, its kernel thread too. When it returns, no carrier any more leaves a
  // signal open that is now blocked by all.
  static void change(HubGreenlet& self, std::uint64_t mask) noexcept;

  // The same where the kernel has done it, at the beginning and the end of a handler.
  static void note_change(HubGreenlet& self, std::uint64_t mask) noexcept;

  [[nodiscard]] static std::uint64_t blocked_by_all() noexcept;

  // In a forked child: only the caller is left.
  static void restart_after_fork() noexcept;
};

}  // namespace evergreen::core
