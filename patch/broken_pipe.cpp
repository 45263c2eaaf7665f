#include "patch/broken_pipe.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "hub/core/signal_masks.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {

void BrokenPipe::keep_pending() noexcept {
  if (!on_greenlet() || (core::current->signal_mask & core::signal_bit(SIGPIPE)) == 0) return;
  const int saved = errno;
  constexpr std::uint64_t set = core::signal_bit(SIGPIPE);
  constexpr timespec at_once{};
  siginfo_t information;
  if (real.syscall(SYS_rt_sigtimedwait, &set, &information, &at_once, sizeof set) == SIGPIPE) {
    const core::Runtime runtime;
    Thread::running().signals.add(information, core::current->signal_mask, false);
  }
  errno = saved;
}

}  // namespace evergreen::patch
