#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "evergreen/server.h"

namespace evergreen {

// Receives datagrams, and calls a handler for each, in a greenlet of its own.
//
//     DatagramServer server(":9000", [&](std::string data, const Address& from) { server.sendto("got " + data, from);
//     }); server.serve_forever();
//
// An exception of the handler is reported, as that of any greenlet. A datagram of more than 64 KiB does not exist.
//
// Threads, Fork: as BaseServer. Follows gevent.server.DatagramServer.
class DatagramServer : public BaseServer {
 public:
  using Handle = std::function<void(std::string data, const Address& from)>;  // what is called for each datagram

  // Calls `handle` for each datagram that comes to `listener`, once it is started.
  DatagramServer(Listener listener, Handle handle, const ServerOptions& options = {});

  // From the socket that it receives on. Throws as Socket::sendto().
  void sendto(std::string_view data, const Address& to, Deadline deadline = Deadline::never());
};

}  // namespace evergreen
