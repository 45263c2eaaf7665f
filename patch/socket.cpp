// What sends and receives on one socket. read and write on sockets are in io.cpp.

#include <algorithm>

#include "patch/blocking.h"
#include "patch/message.h"

namespace evergreen::patch {
namespace {

// These receive and never wait, whatever O_NONBLOCK says.
constexpr int at_once = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;

// Whether the send opens the connection: what is left is sent on the open one.
bool opens(const FdTraits& traits, int flags) noexcept {
  const bool does = (flags & MSG_FASTOPEN) != 0 && traits.kind == FdKind::stream;
  if (does) sends_may_open.store(true, std::memory_order_relaxed);
  return does;
}

// Pieces of a stream. Descriptors that come with one end the call, as they do in the kernel.
ssize_t receive_message(int fd, msghdr* message, int flags) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket() || !is_sound(message)) return real.recvmsg(fd, message, flags);
  const auto wanted = [&] { return has_descriptors(*message) ? 0 : total_size(message->msg_iov, message->msg_iovlen); };
  const std::size_t control_size = message->msg_controllen;
  return receive(fd, traits, wanted, flags, "recvmsg", [&](std::size_t done, int more) {
    if (done == 0) return real.recvmsg(fd, message, flags | more);
    const RestOf rest(message->msg_iov, message->msg_iovlen, done);
    msghdr tail{};
    tail.msg_iov = rest.list();
    tail.msg_iovlen = rest.count();
    tail.msg_control = message->msg_control;
    tail.msg_controllen = control_size;
    const ssize_t got = real.recvmsg(fd, &tail, flags | more);
    if (got >= 0) {
      message->msg_controllen = tail.msg_controllen;
      message->msg_flags = tail.msg_flags;
    }
    return got;
  });
}

ssize_t send_message(int fd, const msghdr* message, int flags) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.sendmsg(fd, message, flags);
  const auto size = [&] { return total_size(message->msg_iov, message->msg_iovlen); };
  const bool opens_it = opens(traits, flags);
  bool opened = false;
  return transmit(fd, traits, size, "sendmsg", [&](std::size_t done, int more) {
    if (done == 0 && !opened) {
      opened = opens_it;
      return real.sendmsg(fd, message, flags | more);
    }
    const RestOf rest(message->msg_iov, message->msg_iovlen, done);
    msghdr tail{};  // ancillary data went with the first byte
    tail.msg_iov = rest.list();
    tail.msg_iovlen = rest.count();
    return real.sendmsg(fd, &tail, (flags & ~MSG_FASTOPEN) | more);
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
  const auto wanted = [&] { return std::min(size, most_at_once); };
  return receive(fd, traits, wanted, flags, "recv", [&](std::size_t done, int more) {
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
  const auto wanted = [&] { return std::min(size, most_at_once); };
  return receive(fd, traits, wanted, flags, "recvfrom", [&](std::size_t done, int more) {
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
  const bool waits = on_greenlet() && (flags & at_once) == 0;
  const ssize_t got = waits ? receive_message(fd, message, flags) : real.recvmsg(fd, message, flags);
  if (got >= 0) note_received(*message);
  return got;
}

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  if (!on_greenlet() || (flags & MSG_DONTWAIT) != 0) return real.send(fd, buffer, size, flags);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.send(fd, buffer, size, flags);
  return transmit(
      fd, traits, [&] { return std::min(size, most_at_once); }, "send",
      [&](std::size_t done, int more) {
        return real.send(fd, static_cast<const char*>(buffer) + done, size - done, flags | more);
      });
}

SHIM ssize_t __send(int fd, const void* buffer, size_t size, int flags) { return send(fd, buffer, size, flags); }

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                    socklen_t address_size) {
  if (!on_greenlet() || (flags & MSG_DONTWAIT) != 0) return real.sendto(fd, buffer, size, flags, address, address_size);
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) return real.sendto(fd, buffer, size, flags, address, address_size);
  const bool opens_it = opens(traits, flags);
  return transmit(
      fd, traits, [&] { return std::min(size, most_at_once); }, "sendto",
      [&](std::size_t done, int more) {
        const ssize_t sent =
            real.sendto(fd, static_cast<const char*>(buffer) + done, size - done, flags | more, address, address_size);
        if (opens_it) {
          flags &= ~MSG_FASTOPEN;
          address = nullptr;
          address_size = 0;
        }
        return sent;
      });
}

// Waits for room, until all is sent. Cancellation point. Restarts after a signal.
SHIM ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const bool waits = on_greenlet() && (flags & MSG_DONTWAIT) == 0;
  const ssize_t sent = waits ? send_message(fd, message, flags) : real.sendmsg(fd, message, flags);
  if (sent >= 0) note_sent(*message);
  return sent;
}
