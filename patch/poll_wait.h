// Waiting for several descriptors at once.
#pragma once

#include <poll.h>
#include <signal.h>

#include "evergreen/deadline.h"
#include "patch/interruption.h"
#include "patch/running_mask.h"
#include "patch/shim.h"

namespace evergreen::patch {

// Parks until one of `fds` may have one of its events, or one of those in `unasked`, or the deadline has passed.
// Precondition: on_greenlet(), and poll(fds, count, 0) has just said that nothing is ready. Returns 0, or an errno
// value: EINTR after any handler. Cancellation point.
int wait_for_any(const pollfd* fds, nfds_t count, short unasked, const char* why, Deadline deadline);

// A wait with a signal mask of its own (ppoll, pselect, epoll_pwait; nullptr: without), after the kernel, asked without
// waiting, has said with that mask that nothing is ready. wait() parks once and returns 0 or an errno value; ask()
// says what is ready. Returns what ask() does, 0 when the deadline passes.
template <class Wait, class Ask>
int wait_with_mask(const sigset_t* mask, Deadline deadline, Wait wait, Ask ask) {
  if (deadline.has_passed()) return 0;
  const Interruption interruption(Interruption::Restarts::never);
  const TemporarySignalMask let_in(mask);
  for (;;) {
    if (interruption.has_come()) return fail(EINTR);
    if (const int error = wait()) return fail(error);
    const int ready = ask();
    if (ready != 0) return ready;
    if (deadline.has_passed()) return 0;
  }
}

}  // namespace evergreen::patch
