// How data come and go.
#include <cerrno>
#include <utility>

#include "evergreen/socket.h"
#include "hub/net/socket_state.h"
#include "hub/net/wait.h"

namespace evergreen {

using detail::Sending;
using detail::SocketState;
using net::Direction;

namespace detail {

std::size_t receive_plainly(SocketState& socket, std::span<char> into, Deadline deadline) {
  return static_cast<std::size_t>(net::when_ready(socket.fd(), Direction::read, "recv", deadline, [&] {
    return ::recv(socket.fd(), into.data(), into.size(), MSG_DONTWAIT);
  }));
}

std::size_t send_plainly(SocketState& socket, std::string_view data, Deadline deadline) {
  return static_cast<std::size_t>(net::when_ready(socket.fd(), Direction::write, "send", deadline, [&] {
    return ::send(socket.fd(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }));
}

Sending::Sending(SocketState& state, Deadline deadline) : state_(state) {
  bool mine = false;
  {
    WaitList::Guard guard(state_.senders);
    mine = state_.senders.wait_until(
        guard, [&] { return !state_.sending; }, "send", deadline);
    if (mine) state_.sending = true;
  }
  if (!mine) throw IoTimeout("send");
}

Sending::~Sending() noexcept(false) {
  const WaitList::Guard guard(state_.senders);
  state_.sending = false;
  state_.senders.wake_one();
}

}  // namespace detail

namespace {

// A call of a socket that is none, or closed.
std::shared_ptr<SocketState> in_use(const std::shared_ptr<SocketState>& state, const char* call) {
  if (state == nullptr || state->fd() < 0) net::throw_error(EBADF, call);
  return state;
}

detail::ReadBuffer::Source source_of(SocketState& state, Deadline deadline) {
  return [&state, deadline](std::span<char> into) { return state.receive(into, deadline); };
}

}  // namespace

std::size_t Socket::recv_into(std::span<char> into, Deadline deadline) {
  const auto state = in_use(state_, "recv");
  if (!state->received.data().empty()) {
    const std::string_view had = state->received.take(into.size());
    had.copy(into.data(), had.size());
    return had.size();
  }
  return state->receive(into, state->limit(deadline));
}

std::string Socket::recv(std::size_t most, Deadline deadline) {
  std::string data(most, '\0');
  data.resize(recv_into(data, deadline));
  return data;
}

void Socket::recv_exactly_into(std::span<char> into, Deadline deadline) {
  const auto state = in_use(state_, "recv");
  const Deadline limit = state->limit(deadline);
  const std::string_view had = state->received.take(into.size());
  std::size_t done = had.copy(into.data(), had.size());
  const auto put_back = [&] { state->received.put_back({into.data(), done}); };
  while (done < into.size()) {
    std::size_t got = 0;
    try {
      got = state->receive(into.subspan(done), limit);
    } catch (...) {
      put_back();
      throw;
    }
    if (got == 0) {
      put_back();
      throw EndOfStream("recv_exactly: the stream ended before");
    }
    done += got;
  }
}

std::string Socket::recv_exactly(std::size_t size, Deadline deadline) {
  std::string data(size, '\0');
  recv_exactly_into(data, deadline);
  return data;
}

std::string Socket::read_until(std::string_view delimiter, std::size_t limit, Deadline deadline) {
  const auto state = in_use(state_, "recv");
  const std::size_t size = state->received.find(source_of(*state, state->limit(deadline)), delimiter, limit);
  return std::string(state->received.take(size));
}

std::optional<std::string_view> Socket::read_line(std::size_t limit, Deadline deadline) {
  const auto state = in_use(state_, "recv");
  return state->received.read_line(source_of(*state, state->limit(deadline)), limit);
}

Lines Socket::lines(std::size_t limit) {
  return Lines([this, limit] { return read_line(limit); });
}

std::size_t Socket::send(std::string_view data, Deadline deadline) {
  const auto state = in_use(state_, "send");
  const Deadline limit = state->limit(deadline);
  const Sending scope(*state, limit);
  return state->send(data, limit);
}

void Socket::send_all(std::string_view data, Deadline deadline) {
  const auto state = in_use(state_, "send");
  const Deadline limit = state->limit(deadline);
  const Sending scope(*state, limit);
  while (!data.empty()) data.remove_prefix(state->send(data, limit));
}

void Socket::sendto(std::string_view data, const Address& to, Deadline deadline) {
  const auto state = in_use(state_, "sendto");
  net::when_ready(state->fd(), Direction::write, "sendto", state->limit(deadline), [&] {
    return ::sendto(state->fd(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to.data(), to.size());
  });
}

std::pair<std::string, Address> Socket::recvfrom(std::size_t most, Deadline deadline) {
  const auto state = in_use(state_, "recvfrom");
  std::string data(most, '\0');
  sockaddr_storage from{};
  socklen_t size = 0;
  const auto got = net::when_ready(state->fd(), Direction::read, "recvfrom", state->limit(deadline), [&] {
    size = sizeof from;
    return ::recvfrom(state->fd(), data.data(), data.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
  });
  data.resize(static_cast<std::size_t>(got));
  return {std::move(data), Address(reinterpret_cast<const sockaddr*>(&from), size)};
}

}  // namespace evergreen
