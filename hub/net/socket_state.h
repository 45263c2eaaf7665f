// What a Socket holds, for itself and for calls that wait in it.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "evergreen/detail/wait_list.h"
#include "evergreen/io.h"
#include "evergreen/line_reader.h"

namespace evergreen::detail {

struct SocketState;

// How bytes come and go, where a layer is above the socket. One greenlet at a time in each of receive() and send().
class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::size_t receive(SocketState& socket, std::span<char> into, Deadline deadline) = 0;  // 0: the end
  virtual std::size_t send(SocketState& socket, std::string_view data, Deadline deadline) = 0;    // at least a byte
  virtual void end_sending(SocketState& socket, Deadline deadline) = 0;                           // before a shutdown
  virtual void say_goodbye(SocketState& socket) noexcept = 0;                                     // without waiting
};

// The plain way. They ask for the descriptor anew after each wait: its number may be another file's by then.
std::size_t receive_plainly(SocketState& socket, std::span<char> into, Deadline deadline);
std::size_t send_plainly(SocketState& socket, std::string_view data, Deadline deadline);

struct SocketState {
  explicit SocketState(Descriptor open) noexcept : descriptor(std::move(open)) {}

  [[nodiscard]] int fd() const noexcept { return descriptor.get(); }
  [[nodiscard]] Deadline limit(Deadline deadline) const noexcept {
    return timeout ? std::min(deadline, Deadline::in(*timeout)) : deadline;
  }
  std::size_t receive(std::span<char> into, Deadline deadline) {
    return transport ? transport->receive(*this, into, deadline) : receive_plainly(*this, into, deadline);
  }
  std::size_t send(std::string_view data, Deadline deadline) {
    return transport ? transport->send(*this, data, deadline) : send_plainly(*this, data, deadline);
  }

  Descriptor descriptor;
  std::optional<std::chrono::nanoseconds> timeout;
  std::unique_ptr<Transport> transport;
  ReadBuffer received;
  bool accepts = false;  // non-blocking, as a listener has to be

  WaitList senders;  // guards `sending`
  bool sending = false;
};

// Scope of what goes out in one piece.
class Sending {
 public:
  Sending(SocketState& state, Deadline deadline);
  ~Sending() noexcept(false);  // as a Guard
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

 private:
  SocketState& state_;
};

}  // namespace evergreen::detail
