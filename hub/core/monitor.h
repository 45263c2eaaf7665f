// A kernel thread that watches the hubs, and has them re-taken from greenlets that do not come back: those that
// compute, or block in a call that nobody patched.
//
// It looks every millisecond. A greenlet that has run from one look to the next loses the hub, that is its turn is
// offered to a spare carrier, if its kernel thread sleeps in the kernel, or when it has used 5 ms of CPU time or has
// run for 10 ms. Who is seen so again and again within a second or two, even for shorter runs, is a thread by nature
// and is to stay solo.
// Once all hubs have only waited for a while the monitor sleeps until it is woken, so an idle program shows no
// wake-ups.
#pragma once

namespace evergreen::core {

// Call before the first TLS block is made: glibc then knows, and new blocks with it, that there are several kernel
// threads (malloc and stdio leave their locks out where there is one). All signals are blocked on it. It watches what
// is in Hubs. Returns 0 or an errno value.
int start_monitor() noexcept;
bool monitor_runs() noexcept;

// In a forked child: it has stayed in the parent.
void forget_monitor() noexcept;

// By the loop, after it has waited. One load, unless the monitor sleeps.
void wake_monitor() noexcept;

}  // namespace evergreen::core
