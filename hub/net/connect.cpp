// How connections come to be.
#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

#include "evergreen/greenlet.h"
#include "evergreen/socket.h"
#include "hub/core/runtime.h"
#include "hub/net/socket_state.h"
#include "hub/net/wait.h"

namespace evergreen {

using detail::SocketState;
using net::Direction;
using net::throw_error;

namespace {

constexpr auto unix_patience = std::chrono::milliseconds(1);

// Non-blocking for the system call alone: the connection then goes on by itself. In hub code, so that nothing comes in
// between, and the patch does not take note of the flag. Returns 0 or errno.
int start_connect(int fd, const Address& to) {
  const core::Runtime runtime;
  int on = 1, off = 0;
  if (ioctl(fd, FIONBIO, &on) != 0) return errno;
  const int error = ::connect(fd, to.data(), to.size()) == 0 ? 0 : errno;
  ioctl(fd, FIONBIO, &off);
  return error;
}

void finish_connect(SocketState& state, Deadline deadline) {
  if (!net::wait_until_ready(state.fd(), Direction::write, "connect", deadline)) throw IoTimeout("connect");
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(state.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) throw_error(error, "connect");
}

// Another thread or process that accepts, too, may win between a poll and the call; MSG_DONTWAIT does not exist here.
void become_listener(SocketState& state) {
  const int flags = fcntl(state.fd(), F_GETFL);
  if (flags < 0 || fcntl(state.fd(), F_SETFL, flags | O_NONBLOCK) != 0) throw_error(errno, "fcntl");
  state.accepts = true;
}

}  // namespace

void Socket::connect(const Address& to, Deadline deadline) {
  const auto state = state_;
  if (state == nullptr || state->fd() < 0) throw_error(EBADF, "connect");
  const Deadline limit = state->limit(deadline);
  for (;;) {
    const int error = start_connect(state->fd(), to);
    if (error == 0) return;
    if (error == EINPROGRESS || error == EINTR || error == EALREADY) return finish_connect(*state, limit);
    if (error != EAGAIN) throw_error(error, "connect");
    // The queue of an AF_UNIX listener is full; no event tells when there is room.
    if (limit.has_passed()) throw IoTimeout("connect");
    sleep(std::min(limit, Deadline::in(unix_patience)));
  }
}

void Socket::listen(int backlog) {
  if (::listen(fd(), backlog) != 0) throw_error(errno, "listen");
  become_listener(*state_);
}

std::pair<Socket, Address> Socket::accept(Deadline deadline) {
  const auto state = state_;
  if (state == nullptr || state->fd() < 0) throw_error(EBADF, "accept");
  if (!state->accepts) become_listener(*state);
  sockaddr_storage from{};
  socklen_t size = 0;
  Descriptor connection(net::when_ready(state->fd(), Direction::read, "accept", state->limit(deadline), [&] {
    size = sizeof from;
    return ::accept4(state->fd(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
  }));
  Socket socket;
  socket.state_ = std::make_shared<SocketState>(std::move(connection));
  return {std::move(socket), Address(reinterpret_cast<const sockaddr*>(&from), size)};
}

namespace {

Socket connect_to_any(const std::vector<Address>& addresses, Deadline deadline) {
  for (std::size_t i = 0;; ++i) {
    const auto left = static_cast<Deadline::Clock::rep>(addresses.size() - i);
    const Deadline share =
        deadline.is_never() ? deadline : Deadline::in((deadline.when() - Deadline::Clock::now()) / left);
    try {
      return create_connection(addresses[i], share);
    } catch (const std::system_error&) {
      if (left == 1 || deadline.has_passed()) throw;
    }
  }
}

}  // namespace

Socket create_connection(std::string_view host_and_port, Deadline deadline) {
  return connect_to_any(Address::resolve(host_and_port, deadline), deadline);
}

Socket create_connection(std::string_view host, std::uint16_t port, Deadline deadline) {
  return connect_to_any(Address::resolve(host, port, deadline), deadline);
}

Socket create_server(const Address& address, int backlog, bool reuse_port) {
  Socket listener(address.family());
  if (address.family() != AF_UNIX) listener.set_reuse_address();
  if (reuse_port) listener.set_reuse_port();
  listener.bind(address);
  listener.listen(backlog);
  return listener;
}

}  // namespace evergreen
