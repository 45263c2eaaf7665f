// A chat: what one user writes, all read. A reader and a writer greenlet for each user, and a queue between them.
//
//     chat_server [PORT]
#include <evergreen/evergreen.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

struct User {
  evergreen::Socket socket;
  evergreen::AnyGreenlet reader;
  evergreen::Queue<std::string> inbox{100};
};

std::map<std::string, std::shared_ptr<User>> users;  // greenlets share it without a lock: nothing here waits

void tell_all(const std::string& line) {
  for (auto& [name, user] : users) {
    if (!user->inbox.try_put(line)) user->reader.kill(0s);  // he reads too slowly, and may not hold up the others
  }
}

// While it lives the user is there: he leaves however his greenlet ends.
class Presence {
 public:
  Presence(std::string name, std::shared_ptr<User> user) : name_(std::move(name)) {
    tell_all(name_ + " has come\n");
    writer_ = evergreen::spawn([user] {
      for (const std::string& line : user->inbox) user->socket.send_all(line);
    });
    writer_.link([user](const auto&) { user->reader.kill(0s); });  // the one does not live without the other
    users.emplace(name_, std::move(user));
  }
  ~Presence() {
    users.erase(name_);
    writer_.kill(0s);
    tell_all(name_ + " has left\n");
  }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  std::string name_;
  evergreen::Greenlet<void> writer_;
};

void chat(evergreen::Socket socket) {
  const std::shared_ptr<User> user(new User{std::move(socket), evergreen::getcurrent()});
  user->socket.send_all("your name?\n");
  const std::string name(user->socket.read_line(20, 1min).value_or(""));
  if (name.empty() || users.contains(name)) return user->socket.send_all("not you\n");
  const Presence presence(name, user);
  for (std::string_view line : user->socket.lines(1000)) tell_all(name + ": " + std::string(line) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  evergreen::StreamServer server(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "7001"), chat);
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  evergreen::signal(SIGTERM, [&] { server.stop(0s); });
  server.serve_forever();
  std::cout << users.size() << " users left" << std::endl;
}
