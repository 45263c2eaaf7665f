// A server of several processes, one for each core: all listen at one port, and the kernel deals the connections. The
// parent makes a new one when one has died.
//
//     prefork_server [PORT [PROCESSES]]
#include <evergreen/evergreen.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

void answer(evergreen::Socket& client) {
  for (std::string_view line : client.lines(1000)) {
    if (line == "crash") _exit(1);
    client.send_all(std::to_string(getpid()) + " " + std::string(line) + "\n");
  }
}

[[noreturn]] void serve(const evergreen::Address& address) {
  evergreen::StreamServer server(address, answer, {.reuse_port = true});
  evergreen::signal(SIGTERM, [&] { server.stop(2s); });
  server.serve_forever();
  _exit(0);
}

// A child that serves, as long as it is wanted: one that has crashed is followed by another.
void keep_serving(const evergreen::Address& address) {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) serve(address);
    const evergreen::Descriptor life(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    try {
      evergreen::wait_readable(life.get());  // until it is dead
    } catch (...) {                          // we are killed: it is to end
      kill(child, SIGTERM);
      waitpid(child, nullptr, 0);
      throw;
    }
    waitpid(child, nullptr, 0);
    std::cout << "a child has died; here is another" << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Bound, and no listener: it keeps the port for the children.
  evergreen::Socket port(AF_INET);
  port.set_reuse_port();
  port.bind(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7002"));
  const evergreen::Address address = port.local_address();

  const unsigned count = argc > 2 ? std::stoul(argv[2]) : std::thread::hardware_concurrency();
  std::vector<evergreen::Greenlet<void>> keepers;
  for (unsigned i = 0; i < count; ++i) keepers.push_back(evergreen::spawn(keep_serving, address));
  std::cout << "listening on " << address.to_string() << std::endl;

  evergreen::Event stop;
  evergreen::signal(SIGTERM, [&] { stop.set(); });
  stop.wait();
  evergreen::killall(keepers);
}
