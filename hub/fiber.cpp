#include "hub/fiber.h"

#include <pthread.h>

#include <cstdlib>
#include <mutex>

#include "greenlet/spin_lock.h"
#include "hub/core/hubs.h"

namespace evergreen {
namespace {

constinit SpinLock lock;  // guards the list: other kernel threads spawn, too
List<Fiber> fibers;
std::size_t count = 0;

// The child has the greenlet that forked alone.
void forget_others() noexcept {
  Fiber* kept = nullptr;
  while (Fiber* one = fibers.pop_front()) {
    if (one == core::current) kept = one;
  }
  count = 0;
  if (kept != nullptr) {
    fibers.push_back(*kept);
    count = 1;
  }
  lock.unlock();
}

void watch_forks() {
  static const int error = pthread_atfork([] { lock.lock(); }, [] { lock.unlock(); }, forget_others);
  static_cast<void>(error);
}

Fiber::Sight look_at(core::HubGreenlet& greenlet, std::shared_ptr<detail::GreenletState> state) noexcept {
  const std::uint32_t word = greenlet.parking.load();
  const bool waits = (word & ~std::uint32_t{core::HubGreenlet::marks}) == core::HubGreenlet::parked;
  return {std::move(state), waits ? greenlet.waits_for : nullptr, waits && (word & core::HubGreenlet::heeds_end) != 0};
}

}  // namespace

Fiber::Fiber(core::Hub& hub, const core::Place& place, std::shared_ptr<detail::GreenletState> state, Deadline begin)
    : HubGreenlet(hub, place, entry), begin_(begin) {
  identity = std::move(state);
  when_dead_ = [](RawGreenlet& raw) noexcept { core::bury(static_cast<Fiber&>(raw)); };
  watch_forks();
  const core::Runtime runtime;
  const std::lock_guard guard(lock);
  fibers.push_back(*this);
  ++count;
}

Fiber::~Fiber() {
  const core::Runtime runtime;
  const std::lock_guard guard(lock);
  unlink();
  --count;
}

RawGreenlet& Fiber::entry(RawGreenlet& raw) {
  auto& self = static_cast<Fiber&>(raw);
  core::begin_user_code(self);
  static_cast<detail::GreenletState*>(self.identity.get())->live(self, self.begin_);
  self.identity.reset();  // here, and not in hub code: destructors of results are the user's
  if (&self == &core::Hubs::main_greenlet()) std::exit(EXIT_SUCCESS);  // it has forked, and is a child's main one
  core::end_user_code();
  return self.home->leave_for_ever(self);
}

std::vector<Fiber::Sight> Fiber::all() {
  core::HubGreenlet& main = core::Hubs::main_greenlet();
  std::vector<Sight> seen;
  const auto fits = [&] {
    const core::Runtime runtime;
    const std::lock_guard guard(lock);
    if (seen.capacity() < count + 1) return false;
    seen.push_back(look_at(main, nullptr));
    for (Fiber* one = fibers.first(); one != nullptr; one = fibers.after(*one)) {
      // Without identity: it is about to leave for ever.
      auto* const state = static_cast<detail::GreenletState*>(one->identity.get());
      if (state != nullptr) seen.push_back(look_at(*one, state->shared_from_this()));
    }
    return true;
  };
  while (!fits()) seen.reserve(2 * count + 2);
  seen.front().state = detail::state_of(main);
  return seen;
}

}  // namespace evergreen
