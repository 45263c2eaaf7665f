// Greenlets that wait for a lock, parked on its address. The lock itself keeps glibc's layout and glibc's state.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hub/core/park.h"
#include "patch/interruption.h"

namespace evergreen::patch {

// One greenlet's (or plain kernel thread's) place in the table; lives on its stack while it waits.
struct Sleeper : Link<Sleeper> {
  enum class Kind : unsigned char { lock, reader, semaphore, futex, claim };
  static constexpr std::uint32_t all_bits = ~std::uint32_t{0};

  Sleeper(const void* address, Kind kind, std::uint32_t bits = all_bits)
      : address(address), kind(kind), bits(bits), greenlet(core::current_or_thread()) {}

  const void* const address;
  const Kind kind;
  bool beaten = false;       // woken once, and somebody else was faster
  bool has_lock = false;     // wake_or_give() gave it the lock
  bool is_away = false;      // runs handlers, and looks again: step_aside()
  const std::uint32_t bits;  // of a futex: which wake-ups it takes (FUTEX_WAIT_BITSET)
  core::HubGreenlet& greenlet;
};

// The protocol, for an object with a state word of its own (a mutex, a semaphore):
//   sleeper: add(); then try once more; then park, or remove().
//   waker:   change the state; then wake().
// Both sides write first and read then (add counts before the try reads the state; the waker's state change is a locked
// instruction, which on x86-64 no later load passes), so at least one of them sees the other: no wake-up is lost.
//
// For an object without state (a condition variable): add() under the mutex is enough.
//
// From prepare_to_park() to the end of the park a sleeper is in one Runtime: a signal handler that comes in between
// must not park on its own, it would take the wake-up for itself.
void add(Sleeper& sleeper);

// The same for a futex, whose word the program changes behind our back: does nothing and returns false if the word at
// the sleeper's address is not `expected`. Precondition: the word can be read.
bool add_if_equal(Sleeper& sleeper, std::uint32_t expected) noexcept;

// Returns whether it was still there; if not, somebody has woken it.
bool remove(Sleeper& sleeper);

// Whether it is still there. For who has parked with a deadline of its own and parks again: a wake-up that came after
// that deadline took it from the table, and did nothing else.
bool is_waiting(const Sleeper& sleeper) noexcept;

// For who must not lose its place while its handlers run: a wake-up only takes it from the table until it comes back.
// Both return whether it is still there.
bool step_aside(Sleeper& sleeper);
bool come_back(Sleeper& sleeper) noexcept;

// Wakes the oldest `most` sleepers on `address`; returns how many. Never switches. Handlers may run at its end, and end
// the thread, as in all that follow.
std::size_t wake(const void* address, std::size_t most);

// The same for one sleeper on a semaphore, async-signal-safe: where a handler has interrupted the hub, the loop does
// it.
void wake_semaphore(const void* address);

// Wakes the oldest `most` futex sleepers on `address` that share a bit with `bits`; returns how many. Orders the
// program's own change of the word, which may be a plain store, before it. Async-signal-safe: where a handler has
// interrupted the hub, the loop then wakes all futex sleepers, who must expect that anyway (futex(2)).
std::size_t wake_futex(const void* address, std::size_t most, std::uint32_t bits);

// Wakes the oldest sleeper on the futex at `address`, which was just released. To one that was beaten, perhaps by a
// thread of another hub that would always be faster, gives the lock itself: take() tries to get it for that sleeper.
// Async-signal-safe, as wake_futex().
void wake_or_give(int* address, bool (*take)(int*, core::HubGreenlet&));

// On the loop's stack, when it was woken: does what a handler had to leave to it.
void wake_deferred() noexcept;

// As many as a released rwlock may let in: a writer, and all readers; with `writers_first` only a writer if one waits.
void wake_for_rwlock(const void* address, bool writers_first);

// A writer's claim to a lock that prefers writers: until it has the lock, also while it is woken and on its way, no new
// reader comes in. Never woken itself. Lives on the writer's stack.
class Claim {
 public:
  explicit Claim(const void* address) : mark_(address, Sleeper::Kind::claim) { add(mark_); }
  ~Claim() noexcept(false) { remove(mark_); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  Sleeper mark_;
};
bool is_claimed(const void* address);

// Fairness. Who releases a lock and takes it again at once would, on one kernel thread, always be faster than whoever
// it has woken. So a sleeper that was beaten once is woken ahead of all ready greenlets, and the next who comes for the
// object lets it run first. Call before the first try.
void let_beaten_go_first(const void* address);

// Before the first use.
void make_wait_table();

// In a forked child: all sleepers have stayed in the parent. Async-signal-safe.
void forget_sleepers() noexcept;

// Calls attempt() until its result is not EBUSY, and parks in between; ETIMEDOUT when the deadline passes. Each time
// handlers have run it ends with on_signal(), unless that is 0. Not for what another process may release, which wakes
// nobody here: block_or_look.h. A cancellation point hears cancellations, and its on_signal() acts on them.
//
// Handlers run at the end of a Runtime, and may end the thread or jump away: at that point it is not in the table, and
// no wake-up is in its hands, which others may need.
template <class Attempt, class OnSignal>
int try_then_park(const void* address, Sleeper::Kind kind, const char* why, Deadline deadline, Attempt attempt,
                  OnSignal on_signal, core::Hears hears = core::Hears::signals) {
  Sleeper sleeper(address, kind);
  for (;;) {
    core::Wake how;
    {
      const core::Runtime runtime;
      core::prepare_to_park(sleeper.greenlet, hears);
      add(sleeper);
      const int result = attempt();
      if (result != EBUSY) {
        if (!remove(sleeper)) wake(address, 1);  // was meant for somebody who still needs it
        return result;
      }
      how = core::park(sleeper.greenlet, why, deadline);
      const bool was_woken = !remove(sleeper);
      if (was_woken || how == core::Wake::timed_out) {
        const int last = attempt();
        if (last != EBUSY) return last;
        if (!was_woken) return ETIMEDOUT;
        sleeper.beaten = true;
      }
    }
    if (how != core::Wake::signalled) continue;
    if (const int end = on_signal()) return end;
  }
}

}  // namespace evergreen::patch
