// Waiting for several descriptors at once.
#pragma once

#include <poll.h>
#include <signal.h>

#include "hub/deadline.h"

namespace evergreen::patch {

// Parks until one of `fds` may have one of its events, or one of those in `unasked`, or the deadline has passed.
// Precondition: on_greenlet(), and poll(fds, count, 0) has just said that nothing is ready. Returns 0, or an errno
// value.
int wait_for_any(const pollfd* fds, nfds_t count, short unasked, const char* why, Deadline deadline) noexcept;

// With a signal mask of its own (ppoll, pselect, epoll_pwait) a call must end when a signal comes that the mask lets
// through. The kernel keeps that signal pending until it is asked with that mask; so waits are cut into slices after
// which it is asked. `mask` may be null; the result is at most `deadline`.
Deadline slice(Deadline deadline, const sigset_t* mask) noexcept;

}  // namespace evergreen::patch
