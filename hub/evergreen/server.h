#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <variant>

#include "evergreen/address.h"
#include "evergreen/deadline.h"
#include "evergreen/greenlet.h"
#include "evergreen/socket.h"

namespace evergreen {

namespace detail {
class ServerState;
}

// In which greenlets a server's handlers run, and how many at once: while there are so many nothing new is accepted.
// gevent: spawn=.
struct Spawn {
  // A greenlet for each, however many. gevent: 'default'.
  static Spawn unlimited() { return {}; }
  static Spawn none() { return {.most = 1}; }                     // one after another. gevent: None
  static Spawn pool(std::size_t size) { return {.most = size}; }  // gevent: an integer
  // Those of a Pool, which others may use too, and which must outlive the server.
  template <class SharedPool>
  requires(!std::integral<SharedPool>) static Spawn pool(SharedPool& shared) {
    return {.is_full = [&shared] { return shared.full(); },
            .wait_for_room = [&shared] { shared.wait_available(); },
            .spawn = [&shared](std::function<void()> f) -> AnyGreenlet { return shared.spawn(std::move(f)); }};
  }

  std::size_t most = std::numeric_limits<std::size_t>::max();         // handlers at once
  std::function<bool()> is_full = nullptr;                            // of a Pool
  std::function<void()> wait_for_room = nullptr;                      // in it
  std::function<AnyGreenlet(std::function<void()>)> spawn = nullptr;  // nullptr: evergreen::spawn
};

// How a server is to work. Names and defaults are those of gevent.baseserver.BaseServer, where it has them.
struct ServerOptions {
  Spawn spawn = {};         // a greenlet for each
  int backlog = 256;        // of connections that wait to be accepted
  bool reuse_port = false;  // several processes listen at one address, and the kernel deals connections to them

  // After an error of accept(2), as EMFILE, it waits, each time twice as long, until one succeeds.
  std::chrono::nanoseconds min_delay = std::chrono::milliseconds(10);
  std::chrono::nanoseconds max_delay = std::chrono::seconds(1);

  // After so many the other greenlets run, if no wait has come before.
  unsigned max_accept = 100;
};

// Where a server listens: an address, of text too, or a Socket that is a listener already (or is bound, for datagrams).
using Listener = std::variant<Address, Socket>;

// What StreamServer and DatagramServer have in common.
//
// Threads: all members from greenlets only. Fork: the child serves nothing; it can make a server of its own.
// Follows gevent.baseserver.BaseServer.
class BaseServer {
 public:
  BaseServer(BaseServer&& other) noexcept = default;
  BaseServer& operator=(BaseServer&&) = delete;

  // Stops accepting, and kills the handlers that still run without waiting for them: stop() waits.
  ~BaseServer();

  // Binds the address, if it was given one, and begins to accept. Throws std::system_error. Does nothing if started.
  void start();

  // start(), and waits until it is stopped. What ends the greenlet meanwhile stops it, as stop() does.
  void serve_forever();

  // Accepts nothing more and closes the listener; handlers run on.
  void close() noexcept;

  // Accepts nothing more, closes the listener, and waits for the handlers (but the caller's own); those who still run
  // at `deadline` it kills. Returns whether all were dead within a second from then. A stopped server that was given an
  // address can start again. gevent waits for handlers only of a pool.
  bool stop(Deadline deadline = std::chrono::seconds(1));

  [[nodiscard]] bool started() const noexcept;  // and not stopped
  [[nodiscard]] bool full() const;              // so many handlers run that nothing is accepted
  [[nodiscard]] Address address() const;        // where it listens: with the port that was bound, once it is started
  [[nodiscard]] std::size_t active() const noexcept;  // handlers that run

 protected:
  explicit BaseServer(std::shared_ptr<detail::ServerState> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<detail::ServerState> state_;
};

}  // namespace evergreen
