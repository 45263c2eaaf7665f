// A kernel thread that watches the hub, and re-takes it from a greenlet that does not come back: one that computes, or
// blocks in a call that nobody patched.
//
// It looks every 10 ms: a greenlet whose turn has lasted from one look to the next loses the hub to a spare carrier.
// Once the hub has only waited for a while the monitor sleeps until it is woken, so an idle program shows no wake-ups.
#pragma once

namespace evergreen::core {

class Hub;

// Call before the first TLS block is made: glibc then knows, and new blocks with it, that there are several kernel
// threads (malloc and stdio leave their locks out where there is one). All signals are blocked on it. Returns 0
// or an errno value.
int start_monitor() noexcept;
void watch_hub(Hub& hub) noexcept;
bool monitor_runs() noexcept;

// In a forked child: it has stayed in the parent.
void forget_monitor() noexcept;

// By the loop, after it has waited. One load, unless the monitor sleeps.
void wake_monitor() noexcept;

}  // namespace evergreen::core
