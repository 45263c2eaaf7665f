// Calls on one socket. read and write on sockets are in io.cpp.

#include <fcntl.h>

#include <algorithm>

#include "patch/block_or_look.h"
#include "patch/blocking.h"

namespace evergreen::patch {
namespace {

// These never wait, whatever O_NONBLOCK says.
constexpr int at_once = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;

// What MSG_PEEK leaves is there again: it can't be collected piece by piece.
bool wants_all(int flags) noexcept { return (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0; }

// Not to be taken for "drained", which only says what a read has taken away.
std::size_t wanted_of(std::size_t size, int flags) noexcept { return (flags & MSG_PEEK) != 0 ? 0 : size; }

bool is_listening(int fd) noexcept {
  int listening = 0;
  socklen_t size = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

// accept takes no MSG_DONTWAIT: polled first. Where another process accepts from the same socket it may win in between,
// and the call then blocks.
int accept_any(int fd, sockaddr* address, socklen_t* size, int flags) {
  const KeepErrno keep;
  const FdTraits traits = traits_of(fd);
  const bool valid = traits.is_socket() && (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0;
  if (!valid) return real.accept4(fd, address, size, flags);
  Wait wait(fd, traits, Direction::read, "accept");
  while (!traits.nonblocking && !is_ready(fd, Direction::read) && is_listening(fd)) {
    const int error = wait.until_ready();
    if (error == Wait::must_not) break;
    if (error != 0) return fail(error);
  }
  const int accepted = real.accept4(fd, address, size, flags);
  if (accepted >= 0) note_accepted(accepted, fd, (flags & SOCK_NONBLOCK) != 0);
  return keep(accepted);
}

// O_NONBLOCK is set for the system call alone: the connection then goes on by itself, and we wait for its end.
int start_connect(int fd, const sockaddr* address, socklen_t size) {
  const int flags = real.fcntl(fd, F_GETFL);
  if (flags < 0) return -1;
  real.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const int result = real.connect(fd, address, size);
  const int error = errno;
  real.fcntl(fd, F_SETFL, flags);
  errno = error;
  return result;
}

// Asking connect again, instead of SO_ERROR, tells the outcome and makes the kernel know that the program was told.
int connect_any(int fd, const sockaddr* address, socklen_t size) {
  const KeepErrno keep;
  const FdTraits traits = traits_before_wait(fd, traits_of(fd));
  if (!traits.is_socket() || traits.nonblocking) return real.connect(fd, address, size);
  const Deadline deadline = socket_deadline(fd, traits, SO_SNDTIMEO);
  for (int first_answer = 0;;) {
    const int result = start_connect(fd, address, size);
    if (result == 0) return keep(result);
    if (errno != EINPROGRESS && errno != EALREADY && errno != EAGAIN) return -1;
    if (first_answer == 0) first_answer = errno;
    if (deadline.has_passed()) return fail(first_answer);
    if (errno == EAGAIN) {  // the queue of a listening AF_UNIX socket is full; no event tells when there is room
      sleep_a_little("connect", deadline);
    } else if (const int error = wait_ready(fd, Direction::write, "connect", deadline); error == EBADF) {
      return fail(error);
    }
  }
}

ssize_t receive_message(int fd, msghdr* message, int flags) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.recvmsg(fd, message, flags);
  const auto wanted = [&] {
    if (message->msg_controllen != 0) note_shared();  // perhaps descriptors
    return wanted_of(total_size(message->msg_iov, message->msg_iovlen), flags);
  };
  return receive(fd, traits, wanted, wants_all(flags), "recvmsg", [&](std::size_t done, int more) {
    if (done == 0) return real.recvmsg(fd, message, flags | more);
    const RestOf rest(message->msg_iov, message->msg_iovlen, done);
    msghdr tail{};
    tail.msg_iov = rest.list();
    tail.msg_iovlen = rest.count();
    return real.recvmsg(fd, &tail, flags | more);
  });
}

ssize_t send_message(int fd, const msghdr* message, int flags) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.sendmsg(fd, message, flags);
  const auto size = [&] {
    if (message->msg_controllen != 0) note_shared();  // perhaps descriptors
    return total_size(message->msg_iov, message->msg_iovlen);
  };
  return transmit(fd, traits, size, "sendmsg", [&](std::size_t done, int more) {
    if (done == 0) return real.sendmsg(fd, message, flags | more);
    const RestOf rest(message->msg_iov, message->msg_iovlen, done);
    msghdr tail{};  // ancillary data went with the first byte
    tail.msg_iov = rest.list();
    tail.msg_iovlen = rest.count();
    return real.sendmsg(fd, &tail, flags | more);
  });
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for input. Cancellation point. Restarts after a signal.
SHIM ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.recv(fd, buffer, size, flags);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.recv(fd, buffer, size, flags);
  const auto wanted = [&] { return wanted_of(size, flags); };
  return receive(fd, traits, wanted, wants_all(flags), "recv", [&](std::size_t done, int more) {
    return real.recv(fd, static_cast<char*>(buffer) + done, size - done, flags | more);
  });
}

SHIM ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags) {
  if (size > buffer_size) __chk_fail();
  return recv(fd, buffer, size, flags);
}

// Waits for input. Cancellation point. Restarts after a signal.
SHIM ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* address, socklen_t* address_size) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.recvfrom(fd, buffer, size, flags, address, address_size);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.recvfrom(fd, buffer, size, flags, address, address_size);
  const auto wanted = [&] { return wanted_of(size, flags); };
  return receive(fd, traits, wanted, wants_all(flags), "recvfrom", [&](std::size_t done, int more) {
    return real.recvfrom(fd, static_cast<char*>(buffer) + done, size - done, flags | more, address, address_size);
  });
}

SHIM ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags, sockaddr* address,
                            socklen_t* address_size) {
  if (size > buffer_size) __chk_fail();
  return recvfrom(fd, buffer, size, flags, address, address_size);
}

// Waits for input. Cancellation point. Restarts after a signal.
SHIM ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.recvmsg(fd, message, flags);
  return receive_message(fd, message, flags);
}

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.send(fd, buffer, size, flags);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.send(fd, buffer, size, flags);
  return transmit(
      fd, traits, [&] { return size; }, "send",
      [&](std::size_t done, int more) {
        return real.send(fd, static_cast<const char*>(buffer) + done, size - done, flags | more);
      });
}

SHIM ssize_t __send(int fd, const void* buffer, size_t size, int flags) { return send(fd, buffer, size, flags); }

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                    socklen_t address_size) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.sendto(fd, buffer, size, flags, address, address_size);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.sendto(fd, buffer, size, flags, address, address_size);
  return transmit(
      fd, traits, [&] { return size; }, "sendto",
      [&](std::size_t done, int more) {
        return real.sendto(fd, static_cast<const char*>(buffer) + done, size - done, flags | more, address,
                           address_size);
      });
}

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!on_greenlet() || (flags & at_once) != 0) return real.sendmsg(fd, message, flags);
  return send_message(fd, message, flags);
}

// Waits for a connection. Cancellation point. Restarts after a signal.
SHIM int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (!on_greenlet()) return real.accept4(fd, address, size, flags);
  return accept_any(fd, address, size, flags);
}

SHIM int accept(int fd, sockaddr* address, socklen_t* size) {
  if (!on_greenlet()) return real.accept(fd, address, size);
  return accept_any(fd, address, size, 0);
}

// Waits until connected. Cancellation point. Restarts after a signal.
SHIM int connect(int fd, const sockaddr* address, socklen_t size) {
  if (!on_greenlet()) return real.connect(fd, address, size);
  return connect_any(fd, address, size);
}

SHIM int __connect(int fd, const sockaddr* address, socklen_t size) { return connect(fd, address, size); }
