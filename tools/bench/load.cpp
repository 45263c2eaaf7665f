#include "tools/bench/load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools/bench/measure.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr unsigned connecting_max = 512;            // at once, so that no listener's queue runs over
constexpr unsigned connections_per_address = 4000;  // of 28,000 ports, as those of earlier runs linger
constexpr auto patience = 10s;                      // without any progress
constexpr auto turn_max = 10ms;
constexpr unsigned errors_shown_max = 5;

double seconds(std::chrono::steady_clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Of another process, with all its threads, to the nanosecond: /proc/PID/stat counts in 10 ms.
double cpu_seconds(pid_t process) {
  clockid_t clock = 0;
  timespec time{};
  if (process == 0 || clock_getcpuclockid(process, &clock) != 0) return 0;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// From eight bytes on, no two messages of a run are the same: another one's answer cannot pass.
void write_message(std::vector<char>& message, uint64_t sequence) {
  for (size_t i = 0; i < message.size(); i += sizeof sequence) {
    std::memcpy(&message[i], &sequence, std::min(sizeof sequence, message.size() - i));
    sequence = sequence * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX generator, a bijection
  }
}

sockaddr_in loopback(unsigned host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
  return address;
}

}  // namespace

Load::Load(const LoadOptions& options)
    : options_(options), connections_(options.connections), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (auto& connection : connections_) connection.message.resize(options.size);
}

Load::~Load() {
  for (const auto& connection : connections_) {
    if (connection.fd >= 0) close(connection.fd);
  }
  close(epoll_);
}

bool Load::step() {
  open_more();
  std::array<epoll_event, 512> events;
  const int ready = epoll_wait(epoll_, events.data(), events.size(), turn_max / 1ms);
  now_ = Clock::now();
  for (int i = 0; i < ready; ++i) on_event(*static_cast<Connection*>(events[i].data.ptr), events[i].events);
  return advance();
}

bool Load::advance() {
  if (result_.errors == connections_.size()) return false;
  if (now_ - progress_ > patience) {
    for (auto& connection : connections_) {
      const bool stuck =
          connection.state == Connection::State::busy || connection.state == Connection::State::connecting;
      if (stuck) fail(connection, "no answer");
    }
    return false;
  }
  const double elapsed = seconds(now_ - phase_start_);
  switch (phase_) {
    case Phase::connecting:
      // That connect() succeeded says only that the kernel queued the connection; an answer, that it is served.
      if (opened_ == connections_.size() && connecting_ == 0 && (busy_ == 0 || !options_.hold)) enter(Phase::warming);
      return true;
    case Phase::warming:
      if (elapsed >= options_.warmup) enter(Phase::measuring);
      return true;
    case Phase::measuring:
      if (elapsed >= options_.seconds || result_.latencies.size() >= options_.requests) enter(Phase::draining);
      return true;
    case Phase::draining:
      return busy_ > 0;
  }
  return false;
}

void Load::enter(Phase phase) {
  const double elapsed = seconds(now_ - phase_start_);
  phase_ = phase;
  phase_start_ = now_;
  if (phase == Phase::warming) {
    result_.connect_seconds = elapsed;
    for (auto& connection : connections_) {
      if (connection.state == Connection::State::idle) begin(connection);
    }
  } else if (phase == Phase::measuring) {
    server_cpu_start_ = cpu_seconds(options_.server);
  } else {
    result_.seconds = elapsed;
    result_.server_cpu_seconds = cpu_seconds(options_.server) - server_cpu_start_;
    const auto server = std::to_string(options_.server);
    result_.server_threads = process_status(server.c_str(), "Threads:");
    result_.server_rss_kib = process_status(server.c_str(), "VmRSS:");
    result_.server_page_tables_kib = process_status(server.c_str(), "VmPTE:");
  }
}

void Load::open_more() {
  while (opened_ < connections_.size() && connecting_ < connecting_max) open(connections_[opened_++]);
}

void Load::open(Connection& connection) {
  const int on = 1;
  const auto source = loopback(2 + opened_ / connections_per_address, 0);
  const auto server = loopback(1, options_.port);
  ++connecting_;
  connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The port is chosen at connect, when the pair is known, and not among those free for any pair.
  setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  epoll_event event{EPOLLIN | EPOLLOUT, {.ptr = &connection}};
  if (bind(connection.fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0 ||
      (connect(connection.fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0 &&
       errno != EINPROGRESS) ||
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) {
    fail(connection, std::strerror(errno));
  }
}

void Load::on_event(Connection& connection, uint32_t events) {
  if (connection.state == Connection::State::connecting) return finish_connect(connection);
  if ((events & EPOLLOUT) != 0) send_rest(connection);
  if ((events & ~uint32_t{EPOLLOUT}) != 0 && connection.state != Connection::State::failed) receive(connection);
}

void Load::finish_connect(Connection& connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(connection, std::strerror(error));
  --connecting_;
  progress_ = now_;
  connection.state = Connection::State::idle;
  connection.sequence = static_cast<uint64_t>(&connection - connections_.data()) << 40;
  wait_to_write(connection, false);
  begin(connection);
}

void Load::begin(Connection& connection) {
  write_message(connection.message, ++connection.sequence);
  connection.sent = connection.received = 0;
  connection.state = Connection::State::busy;
  connection.start = Clock::now();
  ++busy_;
  send_rest(connection);
}

void Load::send_rest(Connection& connection) {
  const auto& message = connection.message;
  const ssize_t sent = send(connection.fd, &message[connection.sent], message.size() - connection.sent, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return fail(connection, std::strerror(errno));
  if (sent > 0) connection.sent += sent;
  wait_to_write(connection, connection.sent < message.size());
}

void Load::receive(Connection& connection) {
  std::array<char, 65536> bytes;
  const ssize_t received = recv(connection.fd, bytes.data(), bytes.size(), 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received < 0) return fail(connection, std::strerror(errno));
  if (received == 0) return fail(connection, "closed early");
  if (connection.state != Connection::State::busy ||
      static_cast<size_t>(received) > connection.message.size() - connection.received) {
    return fail(connection, "more bytes than were sent");
  }
  if (std::memcmp(bytes.data(), &connection.message[connection.received], received) != 0) {
    return fail(connection, "wrong bytes");
  }
  connection.received += received;
  if (connection.received == connection.message.size()) complete(connection);
}

void Load::complete(Connection& connection) {
  const auto end = Clock::now();
  if (phase_ == Phase::measuring) {
    result_.latencies.push_back(static_cast<float>(seconds(end - connection.start) * 1e6));
  }
  ++result_.verified;
  --busy_;
  progress_ = end;
  connection.state = Connection::State::idle;
  const bool holds = options_.hold && phase_ == Phase::connecting;
  if (!holds && phase_ != Phase::draining) begin(connection);
}

void Load::wait_to_write(Connection& connection, bool wanted) {
  if (connection.waits_to_write == wanted) return;
  connection.waits_to_write = wanted;
  epoll_event event{wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, {.ptr = &connection}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Load::fail(Connection& connection, const std::string& why) {
  if (connection.state == Connection::State::connecting) --connecting_;
  if (connection.state == Connection::State::busy) --busy_;
  connection.state = Connection::State::failed;
  close(connection.fd);
  connection.fd = -1;
  if (++result_.errors <= errors_shown_max) {
    std::fprintf(stderr, "echo_load: connection %td: %s\n", &connection - connections_.data(), why.c_str());
  }
}

}  // namespace bench
