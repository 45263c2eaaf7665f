// A stack that can be switched to: greenlet.greenlet, without a hub, an event loop or a parent.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstdint>

#include "greenlet/stack.h"

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
  // Precondition: dead, or a kernel thread's own stack. Boost unwinds a stack that is only parked.
  ~RawGreenlet();

  // Called once, on the stack of whoever runs next, as soon as this greenlet is off its stack for good: from then on
  // the stack may be given back.
  void (*when_dead_)(RawGreenlet& self) noexcept = nullptr;

 private:
  boost::context::fiber start(std::byte* low, std::size_t size, Entry entry);
  static void jump(RawGreenlet& from, RawGreenlet& to) noexcept;
  void arrive(boost::context::fiber&& from) noexcept;

  boost::context::fiber context_;     // where it stopped; empty while it runs and when it is dead
  RawGreenlet* came_from_ = nullptr;  // who switched to us last, and gets its context_ from us
  std::uintptr_t block_;
  bool shares_block_ = false;
};

}  // namespace evergreen
