#include "evergreen/stream_server.h"

#include "hub/net/server_state.h"

namespace evergreen {
namespace {

class StreamServerState final : public detail::ServerState {
 public:
  StreamServerState(Listener listener, StreamServer::Handle handle, const ServerOptions& options)
      : ServerState("StreamServer", std::move(listener), options), handle_(std::move(handle)) {}

 private:
  Socket listen_at(const Address& address, const ServerOptions& options) override {
    return create_server(address, options.backlog, options.reuse_port);
  }

  void take_one() override {
    auto [socket, peer] = this->socket().accept();
    spawn_handler([this, socket = std::move(socket), peer = peer]() mutable { handle_(socket, peer); });
  }

  const StreamServer::Handle handle_;
};

}  // namespace

StreamServer::StreamServer(Listener listener, Handle handle, const ServerOptions& options)
    : BaseServer(std::make_shared<StreamServerState>(std::move(listener), std::move(handle), options)) {}

}  // namespace evergreen
