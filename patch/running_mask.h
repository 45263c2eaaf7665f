// The running greenlet's signal mask, its record and the kernel's.
#pragma once

#include <signal.h>

#include <cstdint>

namespace evergreen::patch {

// Gives the running greenlet another mask: pending signals that it now leaves open are delivered before it returns.
// In the greenlet's own code; in hub code it does nothing.
void change_signal_mask(std::uint64_t mask);

// libc is about to give the kernel another mask by itself: setcontext(3). What is pending behind it is delivered then.
void expect_signal_mask(std::uint64_t mask);

// Gives the running greenlet's carrier another mask, and nothing else. Not in a Runtime: handlers run in it.
void let_in(std::uint64_t mask);

// A mask for a while: what is pending behind it is delivered at once. In the greenlet's own code.
class TemporarySignalMask {
 public:
  explicit TemporarySignalMask(const sigset_t* mask);  // nullptr: no change
  ~TemporarySignalMask() noexcept(false);
  TemporarySignalMask(const TemporarySignalMask&) = delete;
  TemporarySignalMask& operator=(const TemporarySignalMask&) = delete;

 private:
  const bool changed_;
  std::uint64_t before_ = 0;
};

// libc's sets and the kernel's.
std::uint64_t mask_of(const sigset_t& set) noexcept;
sigset_t set_of(std::uint64_t mask) noexcept;

}  // namespace evergreen::patch
