#include "evergreen/greenlet.h"

#include <atomic>

#include "hub/core/end.h"
#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "hub/core/settings.h"
#include "hub/core/spawn.h"
#include "hub/core/wait_fd.h"
#include "hub/fiber.h"
#include "hub/handle_error.h"

namespace evergreen {
namespace {

// Of each stack's address space only what is touched costs memory.
constexpr std::size_t default_stack_size = 1 << 20;

// Stands for a stack that the library has not made.
class NativeState final : public detail::GreenletState {
 protected:
  void run() override {}
  void drop() noexcept override {}
  detail::LocalValues* locals() noexcept override { return nullptr; }
};

bool is_exit(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const GreenletExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::uint64_t next_id() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

namespace detail {

GreenletState::GreenletState() noexcept : id_(next_id()) {}

void GreenletState::start(Deadline begin) {
  core::Hub& hub = core::library_hub();
  const std::size_t set = core::settings().stack_size;
  const core::Place place =
      core::take_shared_place(set != 0 ? set : default_stack_size, core::Hubs::main_greenlet().block());
  auto& fiber = core::make_greenlet<Fiber>(hub, place, shared_from_this(), begin);
  greenlet_ = &fiber;
  hub.adopt(fiber);
}

bool GreenletState::has_started() const noexcept {
  const WaitList::Guard guard(waiters_);
  return life_ > Life::killed;
}

bool GreenletState::is_dead() const noexcept {
  const WaitList::Guard guard(waiters_);
  return life_ == Life::dead;
}

std::exception_ptr GreenletState::error() const noexcept {
  const WaitList::Guard guard(waiters_);
  return error_;
}

bool GreenletState::join(const char* why, Deadline deadline) {
  WaitList::Guard guard(waiters_);
  return waiters_.wait_until(
      guard, [this] { return life_ == Life::dead; }, why, deadline);
}

void GreenletState::join_undisturbed(const char* why) noexcept {
  WaitList::Guard guard(waiters_);
  if (life_ != Life::dead) waiters_.wait_undisturbed(guard, why);
}

void GreenletState::end_by(std::exception_ptr exception) {
  if (core::current_or_thread().identity.get() == this) std::rethrow_exception(exception);
  const auto keep = shared_from_this();
  {
    const WaitList::Guard guard(waiters_);
    if (life_ != Life::fresh && life_ != Life::running) return;
    if (life_ == Life::running) {
      kill_.swap(exception);  // the old one is destroyed outside of the Guard
      greenlet_->has_end.store(true);
      core::unpark(*greenlet_, core::Wake::ended);
      return;
    }
    life_ = Life::killed;  // from here on it cannot begin, on its own kernel thread
  }
  end(std::move(exception));
}

bool GreenletState::wait_to_begin(core::HubGreenlet& self, Deadline begin) {
  WaitList::Guard guard(waiters_);
  // Whoever ends it meanwhile wakes who joins it, and us.
  waiters_.wait_until(
      guard, [this] { return life_ != Life::fresh; }, "spawn_later", begin);
  if (life_ != Life::fresh) return false;
  life_ = Life::running;
  greenlet_ = &self;
  return true;
}

void GreenletState::live(core::HubGreenlet& self, Deadline begin) {
  if (!wait_to_begin(self, begin)) {
    drop();
    return locals_.clear();
  }
  std::exception_ptr error;
  try {
    run();
  } catch (...) {
    error = std::current_exception();
  }
  stop_heeding();
  drop();
  locals_.clear();
  end(std::move(error));
}

// Its result is final: who ends it from now on comes too late, and what it destroys may wait in peace.
void GreenletState::stop_heeding() {
  std::exception_ptr unused_kill;
  const WaitList::Guard guard(waiters_);
  life_ = Life::ending;
  greenlet_->has_end.store(false);
  unused_kill.swap(kill_);
}

void GreenletState::end(std::exception_ptr error) {
  const bool exited = error != nullptr && is_exit(error);
  if (error != nullptr && !exited) handle_error(AnyGreenlet(shared_from_this()), error);
  std::vector<LinkEntry> links;
  {
    const WaitList::Guard guard(waiters_);
    if (life_ == Life::dead) return;
    life_ = Life::dead;
    greenlet_ = nullptr;
    error_.swap(error);
    exited_ = exited;
    links.swap(links_);
    waiters_.wake_all();
  }
  call(std::move(links));
}

void GreenletState::call(std::vector<LinkEntry> links) {
  for (LinkEntry& link : links) {
    AnyGreenlet self(shared_from_this());
    if (link.how == Called::in_place) {
      link.callback(self);
    } else {
      spawn(std::move(link.callback), std::move(self));
    }
  }
}

std::uint64_t GreenletState::add_link(std::function<void(const AnyGreenlet&)> callback, Called how) {
  std::vector<LinkEntry> due;
  std::uint64_t id = 0;
  std::vector<LinkEntry> one;
  one.push_back({0, how, std::move(callback)});
  {
    const WaitList::Guard guard(waiters_);
    id = one.front().id = ++last_link_;
    (life_ == Life::dead ? due : links_).push_back(std::move(one.front()));
  }
  call(std::move(due));
  return id;
}

void GreenletState::remove_link(std::uint64_t id) {
  std::vector<LinkEntry> removed;
  const WaitList::Guard guard(waiters_);
  for (auto link = links_.begin(); link != links_.end(); ++link) {
    if (link->id != id) continue;
    removed.push_back(std::move(*link));
    links_.erase(link);
    return;
  }
}

std::string GreenletState::name() const {
  const WaitList::Guard guard(waiters_);
  return name_.empty() ? "Greenlet-" + std::to_string(id_) : name_;
}

void GreenletState::set_name(std::string name) {
  const WaitList::Guard guard(waiters_);
  name_.swap(name);
}

void GreenletState::be_alive(core::HubGreenlet& self) {
  const WaitList::Guard guard(waiters_);
  life_ = Life::running;
  greenlet_ = &self;
}

std::shared_ptr<GreenletState> current_state() { return state_of(core::current_or_thread()); }

std::shared_ptr<GreenletState> state_of(core::HubGreenlet& greenlet) {
  if (greenlet.identity == nullptr) {
    const auto state = std::make_shared<NativeState>();
    if (core::Hubs::count() != 0 && &greenlet == &core::Hubs::main_greenlet()) state->set_name("main");
    state->be_alive(greenlet);
    greenlet.identity = std::shared_ptr<void>(state.get(), [state](void*) { state->be_dead(); });  // with the stack
  }
  return static_cast<GreenletState*>(greenlet.identity.get())->shared_from_this();
}

void throw_kill(core::HubGreenlet& self) {
  std::rethrow_exception(static_cast<GreenletState*>(self.identity.get())->take_kill());
}

std::exception_ptr GreenletState::take_kill() {
  const WaitList::Guard guard(waiters_);
  greenlet_->has_end.store(false);
  greenlet_->told_end = false;
  return std::exchange(kill_, nullptr);
}

}  // namespace detail

std::uint64_t AnyGreenlet::link_value(std::function<void(const AnyGreenlet&)> callback) const {
  return link([callback = std::move(callback)](const AnyGreenlet& self) {
    if (self.successful()) callback(self);
  });
}

std::uint64_t AnyGreenlet::link_exception(std::function<void(const AnyGreenlet&)> callback) const {
  return link([callback = std::move(callback)](const AnyGreenlet& self) {
    if (!self.successful()) callback(self);
  });
}

AnyGreenlet getcurrent() { return AnyGreenlet(detail::current_state()); }

void sleep(int seconds) { sleep(std::chrono::seconds(seconds)); }

void sleep(Deadline until) {
  core::HubGreenlet& self = core::current_or_thread();
  if (until.has_passed()) {
    core::yield();
    if (core::must_end(self)) core::throw_end(self);
    return;
  }
  for (;;) {
    switch (core::sleep_until(until, "sleep")) {
      case core::Wake::timed_out:
        return;
      case core::Wake::ended:
        core::throw_end(self);
      default:
        break;  // handlers of signals have run
    }
  }
}

}  // namespace evergreen
