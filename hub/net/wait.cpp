#include "hub/net/wait.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "hub/core/end.h"
#include "hub/core/park.h"
#include "hub/core/wait_fd.h"

namespace evergreen::net {
namespace {

// By the kernel's own poll: a shim of the patch would park. Returns whether it is ready; throws EBADF.
bool poll_until(int fd, Direction direction, const char* why, Deadline deadline) {
  pollfd one{fd, static_cast<short>(direction == Direction::read ? POLLIN : POLLOUT), 0};
  for (;;) {
    const auto left = std::max(deadline.when() - Deadline::Clock::now(), Deadline::Clock::duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    timespec time{seconds.count(), (left - seconds).count()};
    const auto count = syscall(SYS_ppoll, &one, 1, deadline.is_never() ? nullptr : &time, nullptr, 0);
    if (count > 0 && (one.revents & POLLNVAL) != 0) throw_error(EBADF, why);
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) throw_error(errno, why);
    if (deadline.has_passed()) return false;
  }
}

bool block_until_ready(int fd, Direction direction, const char* why, Deadline deadline) {
  core::HubGreenlet& self = core::current_or_thread();
  if (core::must_end(self)) core::throw_end(self);
  const Deadline limit = std::uncaught_exceptions() == 0 ? self.limit : Deadline::never();
  if (poll_until(fd, direction, why, std::min(deadline, limit))) return true;
  if (limit < deadline) core::throw_end(self);
  return false;
}

}  // namespace

bool wait_until_ready(int fd, Direction direction, const char* why, Deadline deadline) {
  if (fd < 0) throw_error(EBADF, why);
  if (deadline.has_passed()) return poll_until(fd, direction, why, Deadline::now());
  if (!core::can_park()) return block_until_ready(fd, direction, why, deadline);
  for (;;) {
    switch (core::wait_fd(fd, direction, why, deadline)) {
      case core::Wake::woken:
        return true;
      case core::Wake::timed_out:
        return false;
      case core::Wake::interrupted:
        throw_error(EBADF, why);
      case core::Wake::ended:
        core::throw_end(core::current_or_thread());
      case core::Wake::signalled:
        break;  // handlers have run
    }
  }
}

}  // namespace evergreen::net
