// Serves what another server says from a cache that a greenlet of its own keeps fresh: nobody waits for a refresh, and
// when the other server is slow or gone the last value stays.
//
//     cache PORT ORIGIN_HOST:PORT
#include <evergreen/evergreen.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

class Cache {
 public:
  Cache(std::string origin, std::chrono::milliseconds period)
      : origin_(std::move(origin)), refresher_(evergreen::spawn([this, period] { refresh_each(period); })) {}
  ~Cache() { refresher_.kill(); }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // Waits for the very first value only.
  std::string get() {
    loaded_.wait();
    return value_;
  }

 private:
  void refresh_each(std::chrono::milliseconds period) {
    for (;; evergreen::sleep(period)) {
      try {
        value_ = fetch(evergreen::Deadline::in(1s));
        loaded_.set();
      } catch (const std::exception& error) {
        std::cout << "the old value stays: " << error.what() << std::endl;
      }
    }
  }

  std::string fetch(evergreen::Deadline deadline) const {
    evergreen::Socket socket = evergreen::create_connection(origin_, deadline);
    const auto line = socket.read_line(1000, deadline);
    if (!line) throw std::runtime_error("the origin says nothing");
    return std::string(*line);
  }

  const std::string origin_;
  std::string value_;  // no lock: nobody waits in the middle of a change
  evergreen::Event loaded_;
  evergreen::Greenlet<void> refresher_;  // the last member: it uses the others
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Cache cache(argv[2], 20ms);
  evergreen::StreamServer server(std::string("127.0.0.1:") + argv[1],
                                 [&](evergreen::Socket& client) { client.send_all(cache.get() + "\n"); });
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  server.serve_forever();
}
