#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "evergreen/server.h"

namespace evergreen {

// Accepts connections, and calls a handler for each, in a greenlet of its own.
//
//     StreamServer server("127.0.0.1:8000", [](Socket& socket, const Address& peer) {
//       for (std::string_view line : socket.lines()) socket.send_all(std::string(line) + "\n");
//     });
//     server.serve_forever();
//
// When the handler returns, or throws, the connection is closed. It takes a Socket& or a Socket, and the address of the
// other end if it wants it. An exception ends that connection alone; it is reported, as that of any greenlet.
//
// Threads, Fork: as BaseServer. Follows gevent.server.StreamServer.
class StreamServer : public BaseServer {
 public:
  using Handle = std::function<void(Socket&, const Address&)>;  // what is called for each connection

  // Calls `handle` for each connection to `listener`, once it is started.
  template <class F>
  StreamServer(Listener listener, F&& handle, const ServerOptions& options = {})
      : StreamServer(std::move(listener), handle_of(std::forward<F>(handle)), options) {}
  StreamServer(Listener listener, Handle handle, const ServerOptions& options = {});

  // Whatever the constructor takes, in one form.
  template <class F>
  static Handle handle_of(F&& handle) {
    using Function = std::decay_t<F>;
    return [f = std::make_shared<Function>(std::forward<F>(handle))](Socket& socket, const Address& peer) {
      if constexpr (std::is_invocable_v<Function&, Socket&, const Address&>) {  // shared: it may be movable only
        std::invoke(*f, socket, peer);
      } else if constexpr (std::is_invocable_v<Function&, Socket, const Address&>) {
        std::invoke(*f, std::move(socket), peer);
      } else if constexpr (std::is_invocable_v<Function&, Socket&>) {
        std::invoke(*f, socket);
      } else {
        std::invoke(*f, std::move(socket));
      }
    };
  }
};

}  // namespace evergreen
