// Greenlets that wait for a lock, parked on its address. The lock itself keeps glibc's layout and glibc's state.
#pragma once

#include <cstddef>

#include "hub/core/park.h"

namespace evergreen::patch {

// One greenlet's (or plain kernel thread's) place in the table; lives on its stack while it waits.
struct Sleeper : Link<Sleeper> {
  enum class Kind : unsigned char { lock, reader, semaphore };

  Sleeper(const void* address, Kind kind) : address(address), kind(kind), greenlet(core::current_or_thread()) {}

  const void* const address;
  const Kind kind;
  bool beaten = false;  // woken once, and somebody else was faster
  core::HubGreenlet& greenlet;
};

// The protocol, for an object with a state word of its own (a mutex, a semaphore):
//   sleeper: add(); then try once more; then park, or remove().
//   waker:   change the state; then wake().
// Both sides write first and read then (add counts before the try reads the state; the waker's state change is a locked
// instruction, which on x86-64 no later load passes), so at least one of them sees the other: no wake-up is lost.
//
// For an object without state (a condition variable): add() under the mutex is enough.
void add(Sleeper& sleeper) noexcept;

// Returns whether it was still there; if not, somebody has woken it.
bool remove(Sleeper& sleeper) noexcept;

// Wakes the oldest `most` sleepers on `address`; returns how many. A sleeper that was beaten goes first, and the caller
// lets it run before it goes on: under greenlets nobody else would ever let it win. Async-signal-safe for semaphores
// (a handler that interrupted the hub leaves the rest to the loop).
std::size_t wake(const void* address, std::size_t most) noexcept;

// As many as a released rwlock lets in: the oldest writer, or readers up to the first writer.
void wake_readers_or_writer(const void* address) noexcept;

// Whether a sleeper that is no reader waits on `address`.
bool writer_waits(const void* address) noexcept;

// Before the first use; and again in a forked child, as all sleepers have stayed in the parent.
void make_wait_table();

// Calls attempt() until its result is not EBUSY, and parks in between; ETIMEDOUT when the deadline passes. With
// `elsewhere` another process may release the object, which wakes nobody here: then looks again every millisecond.
template <class Attempt>
int try_then_park(const void* address, Sleeper::Kind kind, bool elsewhere, const char* why, Deadline deadline,
                  Attempt attempt) {
  Sleeper sleeper(address, kind);
  for (;; sleeper.beaten = true) {
    core::prepare_to_park(sleeper.greenlet);
    add(sleeper);
    const int result = attempt();
    if (result != EBUSY) {
      if (!remove(sleeper)) wake(address, 1);  // was meant for somebody who still needs it
      return result;
    }
    const Deadline look_again = elsewhere ? std::min(deadline, Deadline::in(std::chrono::milliseconds(1))) : deadline;
    const core::Wake how = core::park(sleeper.greenlet, why, look_again);
    const bool was_woken = !remove(sleeper);
    if (how == core::Wake::timed_out && !was_woken && deadline.has_passed()) {
      const int last = attempt();
      return last == EBUSY ? ETIMEDOUT : last;
    }
  }
}

}  // namespace evergreen::patch
