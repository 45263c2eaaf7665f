#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "evergreen/address.h"
#include "evergreen/deadline.h"
#include "evergreen/io.h"
#include "evergreen/line_reader.h"

namespace evergreen {

namespace detail {
struct SocketState;
}

// A socket whose calls let the other greenlets run while they wait.
//
//     Socket server = create_connection("example.org:80", 5s);
//     server.send_all("GET / HTTP/1.0\r\n\r\n");
//     for (std::string_view line : server.lines()) print(line);
//
// A call that waits throws: IoTimeout when its deadline has passed, or when it has taken longer than timeout();
// std::system_error with its name for what the kernel says, EBADF where the socket is closed meanwhile; and what ends
// the running greenlet (GreenletExit, Timeout). What has been received is never lost by that: the next call returns it.
//
// Threads: any greenlet or kernel thread, one at a time for each of: receiving, accepting. Several may send: each
// send_all() goes out in one piece. Another greenlet of the same hub may close the socket, destroy it or move it at any
// time; from elsewhere that is for the caller to order.
// Fork: parent and child share the connection; a listener may be accepted from in both.
// Follows gevent.socket.socket.
class Socket {
 public:
  // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET.
  enum class Type : std::uint8_t { stream, datagram, packets };

  // What shutdown() ends.
  enum class Side : std::uint8_t { receiving, sending, both };

  Socket() noexcept;                                                // none: operator bool, close() and assignment only
  explicit Socket(int family, Type type = Type::stream);            // AF_INET, AF_INET6 or AF_UNIX
  explicit Socket(Descriptor open) noexcept(false);                 // takes over what is a socket
  static std::pair<Socket, Socket> pair(Type type = Type::stream);  // gevent.socket.socketpair
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;  // closes what it had
  ~Socket();

  // Connects. Another greenlet's Address::resolve() or create_connection() knows names.
  void connect(const Address& to, Deadline deadline = Deadline::never());

  // Binds it; a path of AF_UNIX must not exist yet. listen() makes it a listener, which is non-blocking from then on.
  void bind(const Address& to);
  void listen(int backlog = 256);

  // Waits for a connection; returns it with the address of the other end.
  std::pair<Socket, Address> accept(Deadline deadline = Deadline::never());

  // Waits until something has come, and returns it: at most `most` bytes; nothing at the end of the stream only.
  // Of datagrams one, of which what is beyond `most` is lost.
  std::string recv(std::size_t most, Deadline deadline = Deadline::never());
  std::size_t recv_into(std::span<char> into, Deadline deadline = Deadline::never());

  // Just so many bytes. Throws EndOfStream too.
  std::string recv_exactly(std::size_t size, Deadline deadline = Deadline::never());
  void recv_exactly_into(std::span<char> into, Deadline deadline = Deadline::never());

  // All up to and with the first `delimiter`. Throws EndOfStream and, where that would be more than `limit` bytes,
  // LineTooLong, too.
  std::string read_until(std::string_view delimiter, std::size_t limit = default_line_limit,
                         Deadline deadline = Deadline::never());

  // The next line without its end (\n or \r\n), valid until the next call; nullopt at the end of the stream. A last
  // line needs no end. Throws LineTooLong, too.
  std::optional<std::string_view> read_line(std::size_t limit = default_line_limit,
                                            Deadline deadline = Deadline::never());
  [[nodiscard]] Lines lines(std::size_t limit = default_line_limit);  // while this Socket object stays in its place

  // Sends all, in one piece with regard to other greenlets. If it throws, a part has been sent. gevent: sendall.
  void send_all(std::string_view data, Deadline deadline = Deadline::never());

  // Sends what goes out without waiting, at least one byte; returns how many.
  std::size_t send(std::string_view data, Deadline deadline = Deadline::never());

  // Datagrams.
  void sendto(std::string_view data, const Address& to, Deadline deadline = Deadline::never());
  std::pair<std::string, Address> recvfrom(std::size_t most, Deadline deadline = Deadline::never());

  // No more data from here: the other end comes to the end of the stream (sending). It is no error if it has gone.
  void shutdown(Side side);

  // Ends the waits of all who use the socket, whose calls throw std::system_error EBADF, and closes it. Does nothing if
  // it is closed.
  void close() noexcept;

  // How long each call may take; std::nullopt: for ever. gevent: settimeout.
  void set_timeout(std::optional<std::chrono::nanoseconds> timeout) noexcept;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> timeout() const noexcept;

  [[nodiscard]] Address local_address() const;   // gevent: getsockname
  [[nodiscard]] Address remote_address() const;  // gevent: getpeername

  // TCP_NODELAY, SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_KEEPALIVE; and any other by setsockopt(2), getsockopt(2).
  void set_no_delay(bool on = true);
  void set_reuse_address(bool on = true);
  void set_reuse_port(bool on = true);
  void set_broadcast(bool on = true);
  void set_keep_alive(bool on = true);
  void set_option(int level, int option, int value);
  [[nodiscard]] int option(int level, int option) const;

  [[nodiscard]] explicit operator bool() const noexcept { return fd() >= 0; }  // open
  [[nodiscard]] int fd() const noexcept;                                       // -1 if closed. gevent: fileno
  Descriptor release() noexcept;  // open still; what was received and not yet taken is lost

  // For layers, as TLS.
  [[nodiscard]] const std::shared_ptr<detail::SocketState>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<detail::SocketState> state_;  // shared with calls that wait
};

// A connection to the first of the addresses that answers: tried one after another, each for its share of the time
// until `deadline`. "host:port", or any text that Address takes. Throws what the last attempt said, and as
// Address::resolve(). gevent.socket.create_connection.
Socket create_connection(std::string_view host_and_port, Deadline deadline = Deadline::never());
Socket create_connection(std::string_view host, std::uint16_t port, Deadline deadline = Deadline::never());
template <std::same_as<Address> One>
Socket create_connection(const One& address, Deadline deadline = Deadline::never()) {
  Socket socket(address.family());
  socket.connect(address, deadline);
  return socket;
}

// A listener; of TCP with SO_REUSEADDR. gevent.baseserver: `listener` of an address.
Socket create_server(const Address& address, int backlog = 256, bool reuse_port = false);

}  // namespace evergreen
