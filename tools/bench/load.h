#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct LoadOptions {
  uint16_t port = 0;
  unsigned connections = 1;
  size_t size = 64;                // bytes a message
  double warmup = 0.2;             // seconds, not measured
  double seconds = 3;              // measured, unless `requests` are answered earlier
  uint64_t requests = UINT64_MAX;  // measured
  bool hold = false;               // all connections stand, and were answered once, before the load
  pid_t server = 0;                // whose CPU time and memory is measured, or 0
};

struct LoadResult {
  double connect_seconds = 0;
  double seconds = 0;  // measured, as is what follows
  double server_cpu_seconds = 0;
  std::vector<float> latencies;  // µs, one a request
  long server_threads = 0;       // at the end of the measured part
  long server_rss_kib = 0;
  long server_page_tables_kib = 0;
  uint64_t verified = 0;  // messages, also those before and after the measured part
  uint64_t errors = 0;    // connections that failed
};

// One kernel thread and N connections to an echo server, one message in flight on each; compares every echoed byte.
// A wrong byte, an early close, a refused connection and an answer that never comes are errors.
//
// Threads: one. Fork: no.
class Load {
 public:
  explicit Load(const LoadOptions& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Calls `connected` once, between opening the connections and the load.
  template <class Connected>
  LoadResult run(Connected connected) {
    while (phase_ == Phase::connecting && step()) {
    }
    connected(result_);
    while (step()) {
    }
    return std::move(result_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { connecting, warming, measuring, draining };

  struct Connection {
    enum class State { connecting, idle, busy, failed };

    int fd = -1;
    State state = State::connecting;
    bool waits_to_write = true;  // what epoll is asked for, besides reading
    uint64_t sequence = 0;       // unique in the run, of the message in flight
    size_t sent = 0;
    size_t received = 0;
    Clock::time_point start;
    std::vector<char> message;
  };

  bool step();  // one turn of the event loop; whether to go on
  bool advance();
  void enter(Phase phase);
  void open_more();
  void open(Connection& connection);
  void on_event(Connection& connection, uint32_t events);
  void finish_connect(Connection& connection);
  void begin(Connection& connection);
  void send_rest(Connection& connection);
  void receive(Connection& connection);
  void complete(Connection& connection);
  void wait_to_write(Connection& connection, bool wanted);
  void fail(Connection& connection, const std::string& why);

  const LoadOptions options_;
  std::vector<Connection> connections_;
  int epoll_;
  Phase phase_ = Phase::connecting;
  Clock::time_point now_ = Clock::now();
  Clock::time_point phase_start_ = now_;
  Clock::time_point progress_ = now_;  // when something last went right
  unsigned opened_ = 0;                // of connections_, from the first
  unsigned connecting_ = 0;
  unsigned busy_ = 0;
  double server_cpu_start_ = 0;
  LoadResult result_;
};

}  // namespace bench
