// epoll_wait: an epoll descriptor is itself readable while it has events, so the hub's loop can wait for it.

#include "patch/blocking.h"
#include "patch/clock.h"
#include "patch/poll_wait.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// With the mask, for which the kernel may have an error.
int ask(int epoll, epoll_event* events, int most, const sigset_t* mask) {
  return mask == nullptr ? real.epoll_wait(epoll, events, most, 0) : real.epoll_pwait(epoll, events, most, 0, mask);
}

int epoll_until(int epoll, epoll_event* events, int most, const sigset_t* mask, const char* why, Deadline deadline) {
  const KeepErrno keep;
  const int ready = ask(epoll, events, most, mask);
  if (ready != 0) return keep(ready);
  const auto wait = [=] {
    const Interruption interruption(Interruption::Restarts::never);
    const int error = wait_ready(epoll, Direction::read, why, deadline);
    return interruption.has_come() ? EINTR : error == EAGAIN ? 0 : error;
  };
  return keep(wait_with_mask(mask, deadline, wait, [=] { return ask(epoll, events, most, nullptr); }));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Waits for events. Cancellation point. A signal ends it.
SHIM int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  if (!on_greenlet() || timeout == 0) return real.epoll_wait(epoll, events, most, timeout);
  return epoll_until(epoll, events, most, nullptr, "epoll_wait", deadline_in_milliseconds(timeout));
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int epoll_pwait(int epoll, epoll_event* events, int most, int timeout, const sigset_t* mask) {
  if (!on_greenlet() || timeout == 0) return real.epoll_pwait(epoll, events, most, timeout, mask);
  return epoll_until(epoll, events, most, mask, "epoll_pwait", deadline_in_milliseconds(timeout));
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int epoll_pwait2(int epoll, epoll_event* events, int most, const timespec* timeout, const sigset_t* mask) {
  const auto call = [=] { return real.epoll_pwait2(epoll, events, most, timeout, mask); };
  if (!on_greenlet()) return call();
  if (timeout == nullptr) return epoll_until(epoll, events, most, mask, "epoll_pwait2", Deadline::never());
  const bool waits = is_readable(timeout, sizeof *timeout) && is_valid(*timeout) && timeout->tv_sec >= 0 &&
                     (timeout->tv_sec != 0 || timeout->tv_nsec != 0);
  if (!waits) return call();
  return epoll_until(epoll, events, most, mask, "epoll_pwait2", Deadline::in(length_of(*timeout)));
}
