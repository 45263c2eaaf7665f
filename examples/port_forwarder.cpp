// Forwards connections to another server: what comes at one end goes out at the other, both ways.
//
//     port_forwarder PORT HOST:PORT
#include <evergreen/evergreen.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

using namespace std::chrono_literals;

namespace {

struct Connection {
  evergreen::Socket client, server;
};

// Until the end of the stream, which is passed on. Where one end breaks, both do.
void pump(evergreen::Socket& from, evergreen::Socket& to) {
  try {
    for (std::string data = from.recv(65536); !data.empty(); data = from.recv(65536)) to.send_all(data);
    to.shutdown(evergreen::Socket::Side::sending);
  } catch (const std::system_error&) {
    from.close();
    to.close();
  }
}

void forward(evergreen::Socket client, const std::string& target) {
  const auto both = std::make_shared<Connection>(std::move(client), evergreen::create_connection(target, 10s));
  const auto back = evergreen::spawn([both] { pump(both->server, both->client); });
  try {
    pump(both->client, both->server);
    back.join();
  } catch (...) {  // killed: the other direction ends, too
    back.kill(0s);
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: port_forwarder PORT HOST:PORT" << std::endl;
    return 2;
  }
  const std::string target = argv[2];
  evergreen::StreamServer server(std::string("127.0.0.1:") + argv[1], [&](evergreen::Socket client) {
    try {
      forward(std::move(client), target);
    } catch (const std::system_error& error) {
      std::cout << target << ": " << error.what() << std::endl;
    }
  });
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  evergreen::signal(SIGTERM, [&] { server.stop(0s); });
  server.serve_forever();
}
