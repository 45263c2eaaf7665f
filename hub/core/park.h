// park and unpark: the only way to stop, and to go on.
//
// The protocol. Whoever waits
//   1. calls prepare_to_park();
//   2. publishes itself: links a waiter into some list, under that list's lock;
//   3. parks;
//   4. takes the list's lock, and unlinks the waiter if it still is linked. Linked still: nobody woke it for that list.
// Whoever wakes
//   a. takes the list's lock, unlinks the waiter, and calls unpark() before it lets go of the lock.
//
// HubGreenlet::parking is the word they compete for:
//
//     awake  --park-->  parked  --unpark, deadline-->  woken | timed_out | interrupted | signalled | ended
//                                              --park returns-->  awake
//     awake  --unpark, between 1 and 3-->  woken | interrupted | signalled | ended:  park then returns at once
//
// `parked` is off its stack, on its hub. A plain kernel thread or a solo greenlet (solo.h) is `blocked` in a futex on
// this word instead, or `polling` descriptors, and may go back to `awake` by itself. Only a park that was prepared as
// one that hears can end as `signalled` or `ended`: the word says so by a mark. What others hold a pointer to until it
// has ended, as an errand on the greenlet's stack, must not end so.
//
// Each arrow is one atomic exchange, so exactly one of several wakers wins, and only the winner of `parked -> ...`
// makes the greenlet ready: it can't be on a run queue twice. No wake-up is lost, because unpark() before park() is
// kept. And no waker ever touches a greenlet that has gone on: it holds the lock that step 4 needs. (For lists that
// belong to one hub, such as Descriptors, "the lock" is that only the hub's driver uses them.)
#pragma once

#include <algorithm>
#include <array>
#include <exception>

#include "evergreen/deadline.h"
#include "greenlet/cancellation.h"
#include "hub/core/hub_greenlet.h"
#include "hub/core/runtime.h"

namespace evergreen::core {

// The running greenlet, or nullptr: on a loop stack, and on kernel threads that drive no hub. In the TLS block, so it
// is right on every stack without a call.
extern constinit thread_local HubGreenlet* current;

// Where the running greenlet's waits are the kernel's, and nothing parks: in a forked child that has made no thread
// yet, and in a vfork child, which borrows its parent's memory. In the TLS block, too.
extern constinit thread_local bool waits_natively;

// The running greenlet; for a plain kernel thread an object that stands for it (park() then blocks that thread).
HubGreenlet& current_or_thread();

// Step 1. Only the running greenlet itself. One that hears signals may end because of one; then step 4 is as after a
// deadline: still linked, nobody woke it, and a wake-up that came just before has unlinked it.
//
// `cancellation`: hears signals too, and does not even begin to wait where a cancellation is pending. For cancellation
// points: others would never wait.
// `everything`: all that, and whoever ends the greenlet (end.h). Park by park_within_limit() then.
enum class Hears : std::uint8_t { nothing, signals, cancellation, everything };
inline void prepare_to_park(HubGreenlet& self, Hears what = Hears::nothing) noexcept;

// Step 3. Stops the running greenlet (self must be current_or_thread()) until unpark() or until `deadline` has passed;
// `why` is a literal that names the call. errno is kept. Not on a loop stack.
Wake park(HubGreenlet& self, const char* why, Deadline deadline) noexcept;

// The same where it was prepared as one that hears everything: until its limit at most, and then `ended`.
inline Wake park_within_limit(HubGreenlet& self, const char* why, Deadline deadline) noexcept;

// Makes `greenlet` ready. Any kernel thread, in the scope of a Runtime that is not nested(). Does nothing if it has
// been woken already. `first`: ahead of all that are ready already, where the caller drives its hub.
enum class Order : bool { last, first };
void unpark(HubGreenlet& greenlet, Wake how, Order order = Order::last) noexcept;

inline void prepare_to_park(HubGreenlet& self, Hears what) noexcept {
  // Whoever waits in a destructor, because of an exception, is not thrown another: that would end the program.
  if (what == Hears::everything && std::uncaught_exceptions() != 0) what = Hears::cancellation;
  static constexpr std::array<std::uint32_t, 4> marks{0, HubGreenlet::hears, HubGreenlet::hears, HubGreenlet::marks};
  self.parking.store(HubGreenlet::awake | marks[static_cast<std::size_t>(what)]);
  if (what >= Hears::cancellation && has_cancel_pending()) unpark(self, Wake::signalled);
  if (what == Hears::everything && self.has_end.load()) unpark(self, Wake::ended);
}

// When the running greenlet, prepared to park, ends at the latest.
inline Deadline limit_of(const HubGreenlet& self) noexcept {
  return (self.parking.load(std::memory_order_relaxed) & HubGreenlet::heeds_end) != 0 ? self.limit : Deadline::never();
}

inline Wake park_within_limit(HubGreenlet& self, const char* why, Deadline deadline) noexcept {
  const Deadline limit = limit_of(self);
  const Wake how = park(self, why, std::min(deadline, limit));
  return how == Wake::timed_out && limit < deadline ? Wake::ended : how;
}

// Lets every other ready greenlet of this hub run first. For a plain kernel thread: sched_yield(2).
void yield();

// Whether the running code is a greenlet that may park: not hub code, nor a signal handler that interrupted it.
[[nodiscard]] inline bool can_park() noexcept { return current != nullptr && !in_runtime && !waits_natively; }

}  // namespace evergreen::core
