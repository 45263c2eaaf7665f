#include "patch/running_mask.h"

#include <sys/syscall.h>

#include <cstring>

#include "hub/core/carrier.h"
#include "hub/core/signal_masks.h"
#include "patch/shim.h"
#include "patch/signals.h"
#include "patch/thread.h"

namespace evergreen::patch {

void let_in(std::uint64_t mask) {
  core::my_carrier->note_signal_mask(mask);
  real.syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

void change_signal_mask(std::uint64_t mask) {
  if (core::in_runtime || core::current == nullptr) return;
  core::HubGreenlet& self = *core::current;
  Thread& thread = Thread::running();
  mask &= core::all_signals;
  {
    const core::Runtime runtime;
    core::SignalMasks::change(self, self.signal_mask | mask);
    const std::uint64_t pending = thread.signals.during([&] { core::SignalMasks::note_change(self, mask); });
    if ((pending & ~mask) != 0) kick_self(thread, ~mask);
  }
  let_in(mask);
}

void expect_signal_mask(std::uint64_t mask) {
  mask &= core::all_signals;
  if (core::in_runtime || core::current == nullptr || core::current->signal_mask == mask) return;
  core::HubGreenlet& self = *core::current;
  Thread& thread = Thread::running();
  const core::Runtime runtime;
  const std::uint64_t pending = thread.signals.during([&] { core::SignalMasks::note_change(self, mask); });
  core::my_carrier->note_signal_mask(mask);
  if ((pending & ~mask) != 0) kick_self(thread, ~mask);
}

TemporarySignalMask::TemporarySignalMask(const sigset_t* mask) : changed_(mask != nullptr && on_greenlet()) {
  if (!changed_) return;
  before_ = core::current->signal_mask;
  change_signal_mask(mask_of(*mask));
}

TemporarySignalMask::~TemporarySignalMask() noexcept(false) {
  if (changed_) change_signal_mask(before_);
}

std::uint64_t mask_of(const sigset_t& set) noexcept {
  std::uint64_t mask;
  std::memcpy(&mask, &set, sizeof mask);
  return mask;
}

sigset_t set_of(std::uint64_t mask) noexcept {
  sigset_t set;
  sigemptyset(&set);
  std::memcpy(&set, &mask, sizeof mask);
  return set;
}

}  // namespace evergreen::patch
