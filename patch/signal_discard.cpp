#include "patch/signal_discard.h"

#include <signal.h>
#include <sys/syscall.h>

#include "greenlet/static_tls.h"
#include "hub/core/hubs.h"
#include "hub/core/signal_masks.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

using core::signal_bit;

constexpr std::uint64_t stops = signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);

// In a Runtime.
void discard(std::uint64_t set) noexcept {
  Thread::first().signals.discard(set);
  visit_live_blocks(
      [](const void* owner, const void* argument) {
        auto* thread = static_cast<Thread*>(const_cast<void*>(owner));
        if (thread != nullptr) thread->signals.discard(*static_cast<const std::uint64_t*>(argument));
        return false;
      },
      &set);
}

// What is pending for the process, or still for this kernel thread.
void discard_of_kernel(std::uint64_t set) noexcept {
  const int saved = errno;
  constexpr timespec at_once{};
  while (real.syscall(SYS_rt_sigtimedwait, &set, nullptr, &at_once, sizeof set) > 0) continue;
  errno = saved;
}

}  // namespace

void discard_ignored(int signal) noexcept {
  const core::Runtime runtime;
  discard(signal_bit(signal));
}

void discard_contrary(int signal) noexcept {
  const bool is_stop = signal >= 1 && signal <= 64 && (stops & signal_bit(signal)) != 0;
  if (!is_stop && signal != SIGCONT) return;
  const std::uint64_t set = is_stop ? signal_bit(SIGCONT) : stops;
  const core::Runtime runtime;
  discard(set);
  discard_of_kernel(set);
}

}  // namespace evergreen::patch
