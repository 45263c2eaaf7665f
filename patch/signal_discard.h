// Pending signals that are dropped unseen: POSIX XSH 2.4.1 and 2.4.3.
#pragma once

namespace evergreen::patch {

// `signal` is ignored from now on: it is pending for no greenlet any more. What is pending for the process the kernel
// drops. Any kernel thread, not in a Runtime.
void discard_ignored(int signal) noexcept;

// `signal` is about to be sent: SIGCONT discards stops that are pending, and stops a SIGCONT. Any kernel
// thread, not in a Runtime.
void discard_contrary(int signal) noexcept;

}  // namespace evergreen::patch
