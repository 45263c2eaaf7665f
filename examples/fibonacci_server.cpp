// A microservice that computes: a line with n is answered with the n-th Fibonacci number, found the slow way. The
// computations have kernel threads of their own, so however long one takes, the other clients are served meanwhile.
//
//     fibonacci_server [PORT]
#include <evergreen/evergreen.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

constexpr unsigned largest = 93;  // what fits into 64 bits

std::uint64_t fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

std::string answer(std::string_view line) {
  unsigned n = largest + 1;
  const auto [end, error] = std::from_chars(line.begin(), line.end(), n);
  if (error != std::errc() || end != line.end() || n > largest) {
    return "not a number from 0 to " + std::to_string(largest);
  }
  return std::to_string(evergreen::offload([n] { return fibonacci(n); }));  // parks this greenlet, and nobody else
}

void serve(evergreen::Socket& client) {
  for (std::string_view line : client.lines(20)) client.send_all(answer(line) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  evergreen::StreamServer server(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7001"), serve);
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  evergreen::signal(SIGTERM, [&] { server.stop(0s); });  // who still waits for a number waits in vain
  server.serve_forever();
  std::cout << "stopped" << std::endl;
}
