// A server that answers each line with the same line, to any number of clients at once.
//
//     echo_server [PORT]
#include <evergreen/evergreen.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

// One connection, in a greenlet of its own. When it returns or throws, the connection is closed.
void echo(evergreen::Socket& client, const evergreen::Address& peer) {
  std::cout << peer.to_string() << " has come" << std::endl;
  client.set_timeout(1h);  // who is silent for so long is gone
  try {
    for (std::string_view line : client.lines(1000)) {
      if (line == "quit") break;
      client.send_all(std::string(line) + "\n");
    }
  } catch (const evergreen::LineTooLong& error) {
    client.send_all(std::string(error.what()) + "\n");
  }
  std::cout << peer.to_string() << " has left" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  evergreen::StreamServer server(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7000"), echo);
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;

  // Nobody new is accepted, and who is there has two seconds to finish.
  evergreen::signal(SIGTERM, [&] { server.stop(2s); });
  server.serve_forever();
  std::cout << "stopped" << std::endl;
}
