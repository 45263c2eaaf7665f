// Signals on their way to a greenlet. The kernel keeps what is pending for the process as a whole; here is what is for
// one greenlet, which the kernel does not know.
#pragma once

#include <signal.h>

#include <cstdint>

namespace evergreen::patch {

// A signal with what sigaction(2) tells a handler of it.
struct SignalNode {
  siginfo_t information;
  bool is_caught;  // a handler would have had it already, had the kernel known the greenlet
  SignalNode* next;
};

// Of one greenlet, oldest first. Standard signals are pending once, realtime ones queue: POSIX XSH 2.4.1.
// All but open(): in the scope of a Runtime; any kernel thread.
class PendingSignals {
 public:
  enum class Added : unsigned char { to_be_told, blocked, no_room };

  // `mask` is what its greenlet blocks; read here, so that a change of mask and an addition see each other.
  // `has_handler`: whether the program has one for it now.
  Added add(const siginfo_t& information, const std::uint64_t& mask, bool has_handler) noexcept;

  // Takes the oldest of the lowest signal in `set`; false if there is none.
  bool take(std::uint64_t set, siginfo_t& information) noexcept;
  bool take(std::uint64_t set, SignalNode& node) noexcept;

  // Drops what is pending of `set`.
  void discard(std::uint64_t set) noexcept;

  // What is pending.
  [[nodiscard]] std::uint64_t all() noexcept;

  // Calls change() so that no addition comes in between; returns what is pending.
  template <class Change>
  std::uint64_t during(Change change) noexcept {
    lock();
    change();
    const std::uint64_t result = set_;
    unlock();
    return result;
  }

  // sigwait: what wakes the greenlet although it blocks it.
  void await(std::uint64_t set) noexcept;

  // The greenlet ends, or was forked: what is pending is lost. close(): and so is all that comes later.
  void clear() noexcept;
  void close() noexcept;

 private:
  static void lock() noexcept;
  static void unlock() noexcept;
  SignalNode* unlink_first(std::uint64_t set) noexcept;
  bool adds_to_overrun(const siginfo_t& information) noexcept;

  std::uint64_t set_ = 0, awaited_ = 0;
  SignalNode* first_ = nullptr;
  bool is_closed_ = false;
};

// Signals that came while hub code ran, where nothing may be decided: whoever leaves it routes them.
class DeferredSignals {
 public:
  // Async-signal-safe. False where there is no room.
  static bool push(const siginfo_t& information) noexcept;
  // Takes the oldest; false if there is none. Never at once from a handler and from the code that it interrupted.
  static bool pop(siginfo_t& information) noexcept;
};

// In a forked child nothing is on its way: the first at once (async-signal-safe), the second before it has a hub again.
void forget_deferred_signals() noexcept;
void forget_pending_signals() noexcept;

}  // namespace evergreen::patch
