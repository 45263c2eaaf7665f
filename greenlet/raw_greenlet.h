// A stack that can be switched to: greenlet.greenlet, without a hub, an event loop or a parent.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>

#include "greenlet/annotate.h"

namespace evergreen {

// Either the stack that a kernel thread came with, or one of ours that runs an entry function.
//
// A stack and its TLS block never part: switch_to() writes the FS base just before it jumps. Greenlets that share their
// kernel thread's block (library mode) must stay on that thread; for them errno and the C++ exception state are saved.
//
// Threads: one kernel thread at a time may switch from or to a RawGreenlet; which one is the hub's business.
class RawGreenlet {
 public:
  // What a greenlet does. Its result is the greenlet that goes on when it is dead; never one that is dead or running.
  using Entry = RawGreenlet& (*)(RawGreenlet& self);

  // The running kernel thread's own stack and block.
  RawGreenlet() noexcept;

  // A fresh greenlet with `block` as its TLS block: its own, or its kernel thread's, shared. `low` and `size` say which
  // memory it runs on: normally the rest of its stack, or memory that the program gave.
  RawGreenlet(std::byte* low, std::size_t size, std::uintptr_t block, Entry entry, bool shares_block = false);

  RawGreenlet(const RawGreenlet&) = delete;
  RawGreenlet& operator=(const RawGreenlet&) = delete;

  // Leaves `from`, which is running, for `to`, which is not. Returns when somebody switches to `from` again.
  static void switch_to(RawGreenlet& from, RawGreenlet& to) noexcept;

  // For a kernel thread's own stack: greenlets will share its block.
  void share_block() noexcept { shares_block_ = true; }
  [[nodiscard]] bool shares_block() const noexcept { return shares_block_; }

  [[nodiscard]] std::uintptr_t block() const noexcept { return block_; }

 protected:
  // Precondition: dead, never started, or a kernel thread's own stack. What a stack that is only parked holds is lost.
  ~RawGreenlet() = default;

  // Called once, on the stack of whoever runs next, as soon as this greenlet is off its stack for good: from then on
  // the stack may be given back.
  void (*when_dead_)(RawGreenlet& self) noexcept = nullptr;

 private:
  // In the jumping side's frame, which the arriving one may read: nobody has been told yet that the stack is left.
  struct Passage {
    RawGreenlet& from;
    RawGreenlet& to;
  };

  static void begin(boost::context::detail::transfer_t first);
  static void jump(RawGreenlet& from, RawGreenlet& to) noexcept;
  static RawGreenlet& arrive(boost::context::detail::transfer_t here) noexcept;

  boost::context::detail::fcontext_t context_ = nullptr;  // where it stopped; nullptr while it runs and when it is dead
  Entry entry_ = nullptr;                                 // nullptr: it runs on a kernel thread's own stack
  std::uintptr_t block_;
  bool shares_block_ = false;
  bool is_dead_ = false;
  [[no_unique_address]] annotate::Fiber fiber_;
};

}  // namespace evergreen
