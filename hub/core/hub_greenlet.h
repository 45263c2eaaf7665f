// A greenlet as a hub sees it.
#pragma once

#include <atomic>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <memory>

#include "evergreen/deadline.h"
#include "greenlet/raw_greenlet.h"
#include "greenlet/stack.h"

namespace evergreen {
class Timeout;
}

namespace evergreen::core {

class Hub;

// Why a park ended.
enum class Wake : std::uint8_t {
  woken,        // unpark()
  timed_out,    // the deadline passed
  interrupted,  // what it waited for is gone: a closed descriptor
  signalled,    // a signal or a cancellation waits for it, notify.h; only if the park hears
  ended,        // somebody ends the greenlet, or its limit has passed; only if the park hears everything
};

using DeadlineHook = boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;

// Where a greenlet lives: a stack of ours with its TLS block, and the memory that it runs on (the rest of that stack,
// or memory that the program gave).
struct Place {
  Stack* stack;
  std::uintptr_t block;
  std::byte* low;
  std::size_t size;
  bool shares_block = false;  // with its kernel thread and all others on that: library mode
};

// How many processes there have been in a line of forks. Whoever belongs to an earlier one has stayed in it, though its
// memory is still here: it is never woken.
extern constinit std::atomic<std::uint32_t> process_count;

// Scheduling state of one greenlet; or of a plain kernel thread that waits for greenlets (home == nullptr).
//
// Threads: `parking` is shared by everybody who may wake it, see park.h. The rest belongs to the home hub, that is to
// the kernel thread that drives it.
// What a switch and a wake-up touch comes first, in one cache line: with thousands of greenlets each line is a miss.
class alignas(64) HubGreenlet : public RawGreenlet {
 public:
  // The running kernel thread's own stack. Of no hub, until Hub::start makes it the main greenlet of one.
  HubGreenlet() noexcept = default;

  // A fresh greenlet that will run `entry`; see spawn.h.
  HubGreenlet(Hub& home, const Place& place, Entry entry);

  // The word that wakers and the greenlet compete for; the protocol is in park.h.
  // The marks go with the first four: which parks a signal ends, and which whoever ends the greenlet.
  enum Parking : std::uint32_t {
    awake,
    parked,
    blocked,
    polling,
    woken,
    timed_out,
    interrupted,
    signalled,
    ended,
    hears = 16,
    heeds_end = 32,
    marks = hears | heeds_end
  };

  std::atomic<std::uint32_t> parking{awake};
  std::uint32_t process = process_count.load(std::memory_order_relaxed);  // in which it lives
  HubGreenlet* next_ready = nullptr;                                      // RunQueue or Inbox: never on both
  Hub* home = nullptr;                                                    // set once
  const char* waits_for = nullptr;  // a literal: "recv", "pthread_cond_wait"; nullptr while it does not wait

  Deadline deadline = Deadline::never();
  DeadlineHook in_deadlines;     // DeadlineQueue::order_
  Stack* const stack = nullptr;  // nullptr: the stack that a kernel thread came with
  std::uint64_t id = 0;          // counts from 1, the main greenlet, in a process
  std::int64_t cpu_began = -1;   // cpu_time.h: what its kernel thread's clock showed; -1 while it does not run
  std::atomic<std::int64_t> cpu_used{0};
  std::uint64_t signal_mask = 0;  // signal_masks.h; inherited from whoever makes it

  // The library's, end.h. An exception waits for it, until it is thrown; set by others, before they unpark it as ended.
  std::atomic<bool> has_end{false};
  bool told_end = false;               // to a C library, by the result of a call
  Deadline limit = Deadline::never();  // the earliest of its Timeouts
  Timeout* timeouts = nullptr;         // innermost first
  std::uint16_t exempt = 0;            // how many scopes of patch::Exempt it is in
  std::shared_ptr<void> identity;      // what getcurrent() gives; nullptr: nobody has asked for it

  [[nodiscard]] bool has_stayed_in_parent() const noexcept {
    return process != process_count.load(std::memory_order_relaxed);
  }

  // See solo.h. Written by the new owner of the hub that it was taken from; the rest by the greenlet itself.
  std::atomic<bool> solo{false};
  std::uint16_t short_runs = 0;
  Deadline::Clock::time_point woke{};

 protected:
  ~HubGreenlet() = default;
};

}  // namespace evergreen::core
