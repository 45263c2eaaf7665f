// A message broker. A client sends lines: "subscribe TOPIC", or "publish TOPIC MESSAGE", which all who have subscribed
// to the topic get as "TOPIC MESSAGE". Who does not read what he has subscribed to loses it, and holds up nobody.
//
//     publish_subscribe [PORT]
#include <evergreen/evergreen.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {

struct Client {
  evergreen::Socket socket;
  evergreen::Queue<std::string> inbox{100};
};

std::map<std::string, std::set<std::shared_ptr<Client>>> topics;  // shared without a lock: nothing here waits

long publish(const std::string& topic, const std::string& message) {
  const std::string line = topic + " " + message + "\n";
  return std::ranges::count_if(topics[topic], [&](auto& client) { return client->inbox.try_put(line); });
}

void obey(const std::shared_ptr<Client>& client, const std::string& line) {
  std::istringstream words(line);
  std::string command, topic, message;
  words >> command >> topic;
  std::getline(words >> std::ws, message);
  if (command == "subscribe") {
    topics[topic].insert(client);
    client->inbox.put("subscribed to " + topic + "\n");
  } else if (command == "publish") {
    client->inbox.put("published to " + std::to_string(publish(topic, message)) + "\n");
  } else {
    client->inbox.put("subscribe TOPIC, or publish TOPIC MESSAGE\n");
  }
}

// While it lives the client is told what he has subscribed to: that ends however his greenlet ends.
struct Presence {
  explicit Presence(std::shared_ptr<Client> who) : client(std::move(who)) {
    writer = evergreen::spawn([client = client] {
      for (const std::string& line : client->inbox) client->socket.send_all(line);
    });
  }
  ~Presence() {
    for (auto& [topic, clients] : topics) clients.erase(client);
    writer.kill(0s);
  }
  const std::shared_ptr<Client> client;
  evergreen::Greenlet<void> writer;
};

void serve(evergreen::Socket socket) {
  const Presence here(std::shared_ptr<Client>(new Client{std::move(socket)}));
  for (std::string_view line : here.client->socket.lines()) obey(here.client, std::string(line));
  here.client->inbox.shutdown();
  here.writer.join(1s);  // he may have closed his side only
}

}  // namespace

int main(int argc, char** argv) {
  evergreen::StreamServer server(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7002"), serve);
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  evergreen::signal(SIGTERM, [&] { server.stop(); });
  server.serve_forever();
}
