#include "evergreen/server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "greenlet/fatal.h"
#include "hub/net/server_state.h"

namespace evergreen {
namespace {

// The listener is none, or none any more. gevent: fatal_errors.
bool is_fatal(const std::exception& error) noexcept {
  const auto* of_system = dynamic_cast<const std::system_error*>(&error);
  if (of_system == nullptr) return false;
  const std::error_code code = of_system->code();
  return code == std::errc::bad_file_descriptor || code == std::errc::invalid_argument ||
         code == std::errc::not_a_socket;
}

}  // namespace

namespace detail {

ServerState::ServerState(const char* kind, Listener listener, const ServerOptions& options)
    : kind_(kind), options_(options), owns_address_(std::holds_alternative<Address>(listener)) {
  stopped_.set();
  if (owns_address_) {
    address_ = std::get<Address>(listener);
  } else {
    socket_ = std::get<Socket>(std::move(listener));
    address_ = socket_.local_address();
  }
}

ServerState::Place::~Place() {
  if (server_ == nullptr) return;
  server_->active_.erase(place_);
  server_->handler_ended_.set();
}

Address ServerState::address() const { return socket_ ? socket_.local_address() : address_; }

void ServerState::start() {
  if (started()) return;
  if (owns_address_) socket_ = listen_at(address_, options_);
  stopped_.clear();
  accepting_ = spawn([self = shared_from_this()] { self->accept_all(); });
  accepting_.set_name(std::string(kind_) + " at " + address().to_string());
}

void ServerState::wait_for_room() {
  while (full()) {
    if (options_.spawn.wait_for_room) {
      options_.spawn.wait_for_room();
    } else {
      handler_ended_.clear();
      handler_ended_.wait();
    }
  }
}

void ServerState::accept_all() {
  auto delay = options_.min_delay;
  for (unsigned count = 1;; ++count) {
    wait_for_room();
    try {
      take_one();
      delay = options_.min_delay;
      told_ = false;
    } catch (const std::exception& error) {
      if (getcurrent() != accepting_) return;  // the socket is closed because we are stopped
      if (is_fatal(error)) return end_by(error);
      tell(error);
      sleep(delay);
      delay = std::min(2 * delay, options_.max_delay);
    }
    if (count % std::max(options_.max_accept, 1U) == 0) sleep(std::chrono::seconds(0));
  }
}

void ServerState::end_by(const std::exception& error) {
  report("%s at %s ends: %s", kind_, address_.to_string().c_str(), error.what());
  socket_.close();
  stopped_.set();
}

// Once, until it goes well again.
void ServerState::tell(const std::exception& error) {
  if (std::exchange(told_, true)) return;
  report("%s at %s: %s; trying again", kind_, address().to_string().c_str(), error.what());
}

void ServerState::serve_forever() {
  start();
  try {
    stopped_.wait();
  } catch (...) {
    stop(std::chrono::seconds(1));
    throw;
  }
}

void ServerState::close() noexcept {
  if (accepting_) accepting_.kill(Deadline::now());
  accepting_ = AnyGreenlet();
  if (owns_address_ && socket_) address_ = socket_.local_address();
  socket_.close();
}

void ServerState::kill_handlers() {
  const std::vector<AnyGreenlet> all(active_.begin(), active_.end());
  const AnyGreenlet self = getcurrent();
  for (const AnyGreenlet& one : all) {
    if (one && one != self) one.kill(Deadline::now());
  }
}

bool ServerState::wait_for_handlers(Deadline deadline) {
  const std::vector<AnyGreenlet> all(active_.begin(), active_.end());
  const AnyGreenlet self = getcurrent();
  return std::ranges::all_of(all, [&](const AnyGreenlet& one) { return !one || one == self || one.join(deadline); });
}

bool ServerState::stop(Deadline deadline) {
  struct SetAtEnd {
    const std::shared_ptr<ServerState> server;
    ~SetAtEnd() { server->stopped_.set(); }
  };
  const SetAtEnd scope{shared_from_this()};
  const AnyGreenlet accepting = accepting_;
  close();
  if (accepting) accepting.join();  // it may have accepted one more
  if (wait_for_handlers(deadline)) return true;
  kill_handlers();
  return wait_for_handlers(std::chrono::seconds(1));
}

}  // namespace detail

BaseServer::~BaseServer() {
  if (state_ == nullptr) return;
  state_->close();
  state_->kill_handlers();
}

void BaseServer::close() noexcept {
  state_->close();
  state_->set_stopped();
}

void BaseServer::start() { state_->start(); }
void BaseServer::serve_forever() { std::shared_ptr(state_)->serve_forever(); }
bool BaseServer::stop(Deadline deadline) { return state_->stop(deadline); }
bool BaseServer::full() const { return state_->full(); }
bool BaseServer::started() const noexcept { return state_->started(); }
Address BaseServer::address() const { return state_->address(); }
std::size_t BaseServer::active() const noexcept { return state_->active(); }

}  // namespace evergreen
