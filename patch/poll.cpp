// poll and ppoll: ask without waiting, park on all descriptors, ask again. No system call a descriptor: the hub's
// watchers stay started from call to call.

#include <memory>
#include <new>

#include "hub/core/wait_fd.h"
#include "patch/clock.h"
#include "patch/poll_wait.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

constexpr short errors = POLLERR | POLLHUP | POLLNVAL;  // told unasked

// Errors wake who reads or writes anyhow; and a half-closed connection is readable. What is only asked for as
// POLLRDNORM need not come with POLLIN: an eventfd's does not.
core::FdInterest interest_of(const pollfd& entry, short unasked) noexcept {
  const bool read = (entry.events & POLLIN) != 0, write = (entry.events & POLLOUT) != 0;
  const int implied = errors | POLLIN | POLLOUT | (read ? POLLRDNORM | POLLRDHUP : 0) | (write ? POLLWRNORM : 0);
  const int special = (entry.events & ~implied) | (read || write ? 0 : unasked);
  return {entry.fd, read, write, static_cast<std::uint16_t>(special)};  // the bits of poll are those of epoll
}

int wait_with(core::FdInterest* interests, const pollfd* fds, nfds_t count, short unasked, const char* why,
              Deadline deadline) {
  const Interruption interruption(Interruption::Restarts::never);
  std::size_t used = 0;
  for (nfds_t i = 0; i < count; ++i) {
    if (fds[i].fd >= 0) interests[used++] = interest_of(fds[i], unasked);
  }
  const core::Wake wake = core::wait_any_fd({interests, used}, why, deadline);
  return interruption.after(wake);
}

}  // namespace

int wait_for_any(const pollfd* fds, nfds_t count, short unasked, const char* why, Deadline deadline) {
  core::FdInterest few[16];
  if (count <= std::size(few)) return wait_with(few, fds, count, unasked, why, deadline);
  const std::unique_ptr<core::FdInterest[]> many(new (std::nothrow) core::FdInterest[count]);
  if (many == nullptr) return ENOMEM;
  return wait_with(many.get(), fds, count, unasked, why, deadline);
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

namespace {

// `ask` is the real call with a zero timeout.
template <class Ask>
int poll_until(pollfd* fds, nfds_t count, const sigset_t* mask, const char* why, Deadline deadline, Ask ask) {
  const KeepErrno keep;
  const int ready = ask();
  if (ready != 0) return keep(ready);
  return keep(wait_with_mask(
      mask, deadline, [&] { return wait_for_any(fds, count, errors, why, deadline); },
      [&] { return real.poll(fds, count, 0); }));
}

}  // namespace

// Waits for events. Cancellation point. A signal ends it.
SHIM int poll(pollfd* fds, nfds_t count, int timeout) {
  if (!on_greenlet() || timeout == 0) return real.poll(fds, count, timeout);
  count = static_cast<unsigned>(count);  // what the kernel takes
  const Deadline deadline = deadline_in_milliseconds(timeout);
  return poll_until(fds, count, nullptr, "poll", deadline, [&] { return real.poll(fds, count, 0); });
}

SHIM int __poll(pollfd* fds, nfds_t count, int timeout) { return poll(fds, count, timeout); }

SHIM int __poll_chk(pollfd* fds, nfds_t count, int timeout, size_t fds_size) {
  if (fds_size / sizeof *fds < count) __chk_fail();
  return poll(fds, count, timeout);
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (!on_greenlet() || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) {
    return real.ppoll(fds, count, timeout, mask);
  }
  count = static_cast<unsigned>(count);
  const Deadline deadline = deadline_in(timeout);
  constexpr timespec at_once{};
  return poll_until(fds, count, mask, "ppoll", deadline, [&] { return real.ppoll(fds, count, &at_once, mask); });
}

SHIM int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t fds_size) {
  if (fds_size / sizeof *fds < count) __chk_fail();
  return ppoll(fds, count, timeout, mask);
}
