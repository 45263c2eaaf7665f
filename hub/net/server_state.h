// What a server and its handlers share.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "evergreen/server.h"

namespace evergreen::detail {

// Only greenlets of the library's hub use it: between two waits nobody else does.
class ServerState : public std::enable_shared_from_this<ServerState> {
 public:
  ServerState(const char* kind, Listener listener, const ServerOptions& options);
  virtual ~ServerState() = default;

  void start();
  void serve_forever();
  bool stop(Deadline deadline);
  void close() noexcept;
  void set_stopped() { stopped_.set(); }
  void kill_handlers();

  [[nodiscard]] bool started() const noexcept { return !stopped_.is_set() && static_cast<bool>(accepting_); }
  [[nodiscard]] Address address() const;
  [[nodiscard]] std::size_t active() const noexcept { return active_.size(); }
  [[nodiscard]] bool full() const {
    return active_.size() >= std::max(options_.spawn.most, std::size_t{1}) ||
           (options_.spawn.is_full && options_.spawn.is_full());
  }
  [[nodiscard]] Socket& socket() noexcept { return socket_; }

 protected:
  using Handlers = std::list<AnyGreenlet>;  // none, as long as it waits for room in a Pool

  // Of one handler's call, as long as that may run or still is to begin.
  class Place {
   public:
    explicit Place(std::shared_ptr<ServerState> server)
        : server_(std::move(server)), place_(server_->active_.emplace(server_->active_.end())) {}
    Place(Place&& other) noexcept : server_(std::move(other.server_)), place_(other.place_) {}
    Place& operator=(Place&&) = delete;
    ~Place();

    [[nodiscard]] Handlers::iterator iterator() const noexcept { return place_; }

   private:
    std::shared_ptr<ServerState> server_;
    Handlers::iterator place_;
  };

  // Calls f() in a greenlet that counts as a handler.
  template <class F>
  void spawn_handler(F f) {
    Place place(shared_from_this());
    const Handlers::iterator at = place.iterator();
    // Shared: it can only be moved, which a function for a Pool could not.
    auto call = std::make_shared<std::pair<Place, F>>(std::move(place), std::move(f));
    const auto run = [call = std::move(call)] { call->second(); };
    *at = options_.spawn.spawn ? options_.spawn.spawn(run) : spawn(run);
  }

  virtual Socket listen_at(const Address& address, const ServerOptions& options) = 0;
  virtual void take_one() = 0;  // waits for a connection or a datagram, and has it handled

 private:
  void accept_all();
  void wait_for_room();
  void end_by(const std::exception& error);
  void tell(const std::exception& error);
  bool wait_for_handlers(Deadline deadline);

  const char* const kind_;
  const ServerOptions options_;
  const bool owns_address_;  // it was given one, and not a socket
  Address address_;
  Socket socket_;
  AnyGreenlet accepting_;
  Handlers active_;
  Event stopped_;  // set unless it accepts, or is being stopped
  Event handler_ended_;
  bool told_ = false;  // of an error, since the last success
};

}  // namespace evergreen::detail
