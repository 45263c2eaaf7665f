// What a library for its own programs can reach: a Boost.Context fiber per connection over libev. No TLS block of their
// own, no shims, no monitor; otherwise the ways of evergreen's hub: watchers stay started, a fiber that waits switches
// straight to the next ready one, and after a short read the next one waits first.

#include <ev.h>
#include <unistd.h>

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "tools/bench/listener.h"

namespace {

namespace context = boost::context;

constexpr size_t stack_size = 32768;
constexpr unsigned loop_every = 64;  // switches, so that ready fibers do not starve the loop

struct Fiber {
  context::fiber stopped;  // empty while it runs
};

class Hub {
 public:
  template <class Body>
  void spawn(Body body) {
    auto owner = std::make_unique<Fiber>();
    Fiber* const fiber = owner.get();
    fiber->stopped = {std::allocator_arg, context::fixedsize_stack(stack_size),
                      [this, body, owner = std::move(owner)](context::fiber&&) {
                        body();
                        return std::move(loop_);
                      }};
    make_ready(fiber);
  }

  void make_ready(Fiber* fiber) { ready_.push_back(fiber); }
  [[nodiscard]] Fiber* current() const { return current_; }

  // Stops the current fiber until somebody makes it ready.
  void park() {
    Fiber* const self = current_;
    if (ready_.empty() || ++switches_ % loop_every == 0) {
      jump(loop_, self->stopped);
    } else if (Fiber* const next = take_ready(); next != self) {
      jump(next->stopped, self->stopped);
    }
  }

  [[noreturn]] void run() {
    for (;;) {
      for (unsigned i = 0; i < loop_every && !ready_.empty(); ++i) jump(take_ready()->stopped, loop_);
      ev_run(EV_DEFAULT_ ready_.empty() ? EVRUN_ONCE : EVRUN_NOWAIT);
    }
  }

 private:
  Fiber* take_ready() {
    current_ = ready_.front();
    ready_.pop_front();
    return current_;
  }

  static void jump(context::fiber& to, context::fiber& stopped) {
    std::move(to).resume_with([&stopped](context::fiber&& from) {
      stopped = std::move(from);
      return context::fiber();
    });
  }

  std::deque<Fiber*> ready_;
  Fiber* current_ = nullptr;
  context::fiber loop_;
  unsigned switches_ = 0;
};

Hub hub;

// One direction of a descriptor. Its watcher stays started until an event finds nobody waiting.
class Watcher {
 public:
  Watcher(int fd, int events) {
    ev_io_init(&io_, on_event, fd, events);
    io_.data = this;
  }
  ~Watcher() { ev_io_stop(EV_DEFAULT_ & io_); }
  Watcher(const Watcher&) = delete;  // libev holds its address
  Watcher& operator=(const Watcher&) = delete;

  void wait() {
    waiter_ = hub.current();
    if (!ev_is_active(&io_)) ev_io_start(EV_DEFAULT_ & io_);
    hub.park();
  }

 private:
  static void on_event(struct ev_loop* loop, ev_io* io, int) {
    auto* self = static_cast<Watcher*>(io->data);
    if (self->waiter_ == nullptr) return ev_io_stop(loop, io);
    hub.make_ready(std::exchange(self->waiter_, nullptr));
  }

  ev_io io_;
  Fiber* waiter_ = nullptr;
};

bool send_all(int fd, Watcher& writable, const char* bytes, ssize_t size) {
  for (ssize_t done = 0; done < size;) {
    const ssize_t sent = send(fd, bytes + done, size - done, MSG_NOSIGNAL);
    if (sent > 0) done += sent;
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) writable.wait();
  }
  return true;
}

void echo(int fd) {
  Watcher readable(fd, EV_READ);
  Watcher writable(fd, EV_WRITE);
  std::array<char, 4096> buffer;
  for (bool drained = false;;) {
    if (drained) readable.wait();
    const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
    drained = received < static_cast<ssize_t>(buffer.size());
    if (received < 0 && errno == EAGAIN) continue;
    if (received <= 0 || !send_all(fd, writable, buffer.data(), received)) return;
  }
}

void accept_all() {
  const int listener = bench::listen_somewhere();
  for (Watcher readable(listener, EV_READ);;) {
    const int fd = bench::accept_one(listener);
    if (fd < 0) {
      readable.wait();
      continue;
    }
    hub.spawn([fd] {
      echo(fd);
      close(fd);
    });
  }
}

}  // namespace

int main() {
  bench::raise_descriptor_limit();
  hub.spawn(accept_all);
  hub.run();
}
