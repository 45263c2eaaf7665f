#include "evergreen/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <utility>

#include "hub/net/socket_state.h"
#include "hub/net/wait.h"

namespace evergreen {
namespace {

using detail::SocketState;
using net::throw_error;

int kernel_type(Socket::Type type) noexcept {
  return type == Socket::Type::stream ? SOCK_STREAM : type == Socket::Type::datagram ? SOCK_DGRAM : SOCK_SEQPACKET;
}

std::shared_ptr<SocketState> adopt(int fd) { return std::make_shared<SocketState>(Descriptor(fd)); }

Address address_of(int fd, int (*ask)(int, sockaddr*, socklen_t*), const char* call) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) throw_error(errno, call);
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

}  // namespace

Socket::Socket() noexcept = default;
Socket::Socket(Socket&& other) noexcept : state_(std::move(other.state_)) {}
Socket::~Socket() { close(); }

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  state_ = std::move(other.state_);
  return *this;
}

Socket::Socket(int family, Type type) {
  const int fd = ::socket(family, kernel_type(type) | SOCK_CLOEXEC, 0);
  if (fd < 0) throw_error(errno, "socket");
  state_ = adopt(fd);
}

Socket::Socket(Descriptor open) : state_(std::make_shared<SocketState>(std::move(open))) {
  static_cast<void>(option(SOL_SOCKET, SO_TYPE));  // ENOTSOCK
}

std::pair<Socket, Socket> Socket::pair(Type type) {
  int ends[2];
  if (::socketpair(AF_UNIX, kernel_type(type) | SOCK_CLOEXEC, 0, ends) != 0) throw_error(errno, "socketpair");
  Descriptor first(ends[0]), second(ends[1]);
  return {Socket(std::move(first)), Socket(std::move(second))};
}

int Socket::fd() const noexcept { return state_ ? state_->fd() : -1; }

void Socket::close() noexcept {
  if (!*this) return;
  if (state_->transport) state_->transport->say_goodbye(*state_);
  state_->descriptor.close();
}

Descriptor Socket::release() noexcept { return state_ ? std::move(state_->descriptor) : Descriptor(); }

void Socket::bind(const Address& to) {
  if (::bind(fd(), to.data(), to.size()) != 0) throw_error(errno, "bind");
}

void Socket::shutdown(Side side) {
  const auto state = state_;
  if (side != Side::receiving && state && state->transport) {
    const Deadline deadline = state->limit(Deadline::never());
    const detail::Sending scope(*state, deadline);
    state->transport->end_sending(*state, deadline);
  }
  const int how = side == Side::receiving ? SHUT_RD : side == Side::sending ? SHUT_WR : SHUT_RDWR;
  if (::shutdown(fd(), how) != 0 && errno != ENOTCONN) throw_error(errno, "shutdown");
}

void Socket::set_timeout(std::optional<std::chrono::nanoseconds> timeout) noexcept { state_->timeout = timeout; }
std::optional<std::chrono::nanoseconds> Socket::timeout() const noexcept { return state_->timeout; }

Address Socket::local_address() const { return address_of(fd(), ::getsockname, "getsockname"); }
Address Socket::remote_address() const { return address_of(fd(), ::getpeername, "getpeername"); }

void Socket::set_option(int level, int option, int value) {
  if (::setsockopt(fd(), level, option, &value, sizeof value) != 0) throw_error(errno, "setsockopt");
}

int Socket::option(int level, int option) const {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd(), level, option, &value, &size) != 0) throw_error(errno, "getsockopt");
  return value;
}

void Socket::set_no_delay(bool on) { set_option(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0); }
void Socket::set_reuse_address(bool on) { set_option(SOL_SOCKET, SO_REUSEADDR, on ? 1 : 0); }
void Socket::set_reuse_port(bool on) { set_option(SOL_SOCKET, SO_REUSEPORT, on ? 1 : 0); }
void Socket::set_broadcast(bool on) { set_option(SOL_SOCKET, SO_BROADCAST, on ? 1 : 0); }
void Socket::set_keep_alive(bool on) { set_option(SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0); }

}  // namespace evergreen
