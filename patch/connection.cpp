// How connections come to be.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "hub/core/hubs.h"
#include "patch/block_or_look.h"
#include "patch/blocking.h"
#include "patch/offload.h"

namespace evergreen::patch {
namespace {

// accept takes no MSG_DONTWAIT: it is polled first. Who else accepts from the same socket may win in between, and then
// the call blocks: another process, or a greenlet of another hub.
int accept_ready(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (is_private(fd) && core::Hubs::count() == 1) return real.accept4(fd, address, size, flags);
  return offloaded([=] { return real.accept4(fd, address, size, flags); });
}

int accept_any(int fd, sockaddr* address, socklen_t* size, int flags) {
  const KeepErrno keep;
  const FdTraits traits = traits_of(fd);
  const bool valid = traits.is_socket() && (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0;
  const bool must_not_wait = traits.nonblocking && (is_private(fd) || is_nonblocking(fd));
  if (!valid || must_not_wait) return real.accept4(fd, address, size, flags);
  pthread_testcancel();
  Wait wait(fd, traits, Direction::read, "accept");
  while (!is_ready(fd, Direction::read) && is_listening(fd)) {
    const int error = refusal_of(wait.until_ready());
    if (error != 0) return fail(error);
  }
  return keep(accept_ready(fd, address, size, flags));
}

// Datagrams: only an address is kept.
bool connects_at_once(int fd, const FdTraits& traits) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  return traits.kind == FdKind::messages && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         type != SOCK_SEQPACKET;
}

// O_NONBLOCK is set for the system call alone: the connection then goes on by itself, and we wait for its end.
int start_connect(int fd, const sockaddr* address, socklen_t size) {
  int on = 1, off = 0;
  real.ioctl(fd, FIONBIO, &on);
  // With the flag set it must not be unwound, and so is no cancellation point: the wait for it is.
  const auto result = static_cast<int>(real.syscall(SYS_connect, long{fd}, address, long{size}));
  const int error = errno;
  real.ioctl(fd, FIONBIO, &off);
  errno = error;
  return result;
}

// Asking connect again, instead of SO_ERROR, tells the outcome and makes the kernel know that the program was told.
int connect_and_park(int fd, const sockaddr* address, socklen_t size, Deadline deadline) {
  const Interruption interruption(deadline.is_never() ? Interruption::Restarts::if_asked
                                                      : Interruption::Restarts::never);
  for (int first_answer = 0;;) {
    const int result = start_connect(fd, address, size);
    if (result == 0) return result;
    if (errno != EINPROGRESS && errno != EALREADY && errno != EAGAIN) return -1;
    if (first_answer == 0) first_answer = errno;
    if (deadline.has_passed()) return fail(first_answer);
    if (errno == EAGAIN) {  // the queue of a listening AF_UNIX socket is full; no event tells when there is room
      sleep_a_little("connect", deadline);
      if (interruption.has_come()) return fail(EINTR);
    } else {
      const int error = wait_ready(fd, Direction::write, "connect", deadline);
      if (error != 0 && error != EAGAIN) return fail(error);
    }
  }
}

// Where another process could see the flag, or would be left with it if this one were killed, libc's call is made: it
// blocks the kernel thread.
int connect_any(int fd, const sockaddr* address, socklen_t size) {
  const KeepErrno keep;
  const FdTraits traits = traits_before_wait(fd, traits_of(fd));
  if (!traits.is_socket() || traits.nonblocking || connects_at_once(fd, traits)) return real.connect(fd, address, size);
  const Deadline deadline = socket_deadline(fd, traits, SO_SNDTIMEO);
  pthread_testcancel();
  if (is_private(fd)) return keep(connect_and_park(fd, address, size, deadline));
  const core::SlowCall slow;
  return keep(slow.offered() ? real.connect(fd, address, size) : connect_and_park(fd, address, size, deadline));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for a connection. Cancellation point. Restarts after a signal.
SHIM int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  const Maker maker;
  const bool waits = on_greenlet();
  const int accepted = waits ? accept_any(fd, address, size, flags) : real.accept4(fd, address, size, flags);
  if (!waits) {
    maker.note_made(accepted);
  } else if (accepted >= 0) {
    maker.note_accepted(accepted, fd, (flags & SOCK_NONBLOCK) != 0);
  }
  return accepted;
}

SHIM int accept(int fd, sockaddr* address, socklen_t* size) { return accept4(fd, address, size, 0); }

// Waits until connected. Cancellation point. Restarts after a signal.
SHIM int connect(int fd, const sockaddr* address, socklen_t size) {
  if (!on_greenlet()) return real.connect(fd, address, size);
  return connect_any(fd, address, size);
}

SHIM int __connect(int fd, const sockaddr* address, socklen_t size) { return connect(fd, address, size); }
