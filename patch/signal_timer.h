// Timers whose signals are for one greenlet, timer_create(2) with SIGEV_THREAD_ID: the kernel does not know it, and
// sends them to the process.
#pragma once

#include <signal.h>

namespace evergreen::patch {

// Whether the signal is such a timer's: then it has been sent to its greenlet, or is dropped, as natively, where that
// has ended. Async-signal-safe where locks may be taken.
bool pass_on_timer_signal(const siginfo_t& information) noexcept;

// In a forked child, which inherits no timers.
void forget_timers() noexcept;

}  // namespace evergreen::patch
