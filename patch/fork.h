// A forked child: one greenlet without a hub, until it makes a thread.
#pragma once

namespace evergreen::patch {

// In a child that has just been forked past libc's handlers, by _Fork or the bare system call: no more than a signal
// handler may do. What it would take to make threads may be in any state, as malloc's locks are.
void begin_raw_child() noexcept;

// Whether the running code is a vfork child's: it has our memory, but the kernel keeps what is the process's apart.
bool is_vfork_child() noexcept;

// For the first pthread_create of such a child, and of one of fork: gives the caller a hub. False where there is
// nothing to restart; or no memory or descriptor for it (said in a line), and its threads will be kernel threads.
bool restart_hub() noexcept;

// The same for the library's first use there. Precondition: the caller's waits are the kernel's, since the fork.
void restart_hub_or_throw();

}  // namespace evergreen::patch
