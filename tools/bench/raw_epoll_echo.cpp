// The floor for echo: one kernel thread, epoll, two system calls a request, no library at all.

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "tools/bench/listener.h"

namespace {

struct Connection {
  std::vector<char> unsent;  // while there is any, the connection waits to write and reads nothing
  bool waits_to_write = false;
};

class Server {
 public:
  Server() : listener_(bench::listen_somewhere()) { watch(EPOLL_CTL_ADD, listener_, EPOLLIN); }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int ready = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          accept_all();
        } else if (!(connections_[fd].waits_to_write ? send_rest(fd) : echo(fd))) {
          close(fd);
          connections_[fd] = {};
        }
      }
    }
  }

 private:
  void watch(int operation, int fd, uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept_all() {
    for (int fd; (fd = bench::accept_one(listener_)) >= 0;) {
      if (connections_.size() <= static_cast<size_t>(fd)) connections_.resize(fd + 1);
      watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  // Both return whether the connection lives on.
  bool echo(int fd) {
    std::array<char, 4096> buffer;
    const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    const ssize_t sent = send(fd, buffer.data(), received, MSG_NOSIGNAL);
    if (sent == received) return true;
    if (sent < 0 && errno != EAGAIN) return false;
    auto& connection = connections_[fd];
    connection.unsent.assign(buffer.data() + (sent > 0 ? sent : 0), buffer.data() + received);
    connection.waits_to_write = true;
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
    return true;
  }

  bool send_rest(int fd) {
    auto& unsent = connections_[fd].unsent;
    const ssize_t sent = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    unsent.erase(unsent.begin(), unsent.begin() + sent);
    connections_[fd].waits_to_write = !unsent.empty();
    if (unsent.empty()) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    return true;
  }

  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_;
  std::vector<Connection> connections_;  // by descriptor
};

}  // namespace

int main() {
  bench::raise_descriptor_limit();
  Server().run();
}
