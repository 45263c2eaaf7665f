#include "evergreen/datagram_server.h"

#include "hub/net/server_state.h"

namespace evergreen {
namespace {

constexpr std::size_t longest = 65536;

class DatagramServerState final : public detail::ServerState {
 public:
  DatagramServerState(Listener listener, DatagramServer::Handle handle, const ServerOptions& options)
      : ServerState("DatagramServer", std::move(listener), options), handle_(std::move(handle)) {}

 private:
  Socket listen_at(const Address& address, const ServerOptions& options) override {
    Socket socket(address.family(), Socket::Type::datagram);
    if (options.reuse_port) socket.set_reuse_port();
    socket.bind(address);
    return socket;
  }

  void take_one() override {
    auto [data, from] = socket().recvfrom(longest);
    spawn_handler([this, data = std::string(data), from = from]() mutable { handle_(std::move(data), from); });
  }

  const DatagramServer::Handle handle_;
};

}  // namespace

DatagramServer::DatagramServer(Listener listener, Handle handle, const ServerOptions& options)
    : BaseServer(std::make_shared<DatagramServerState>(std::move(listener), std::move(handle), options)) {}

void DatagramServer::sendto(std::string_view data, const Address& to, Deadline deadline) {
  state_->socket().sendto(data, to, deadline);
}

}  // namespace evergreen
