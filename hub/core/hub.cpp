#include "hub/core/hub.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "greenlet/arch_x86_64.h"
#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/carrier.h"
#include "hub/core/monitor.h"
#include "hub/core/park.h"
#include "hub/core/provoke.h"
#include "hub/core/spawn.h"

namespace evergreen::core {

constinit thread_local bool in_runtime = false;
constinit thread_local Hub* running_hub = nullptr;
constinit thread_local std::uint64_t my_turn = 0;
constinit thread_local Carrier* my_carrier = nullptr;

namespace {

constexpr std::size_t loop_stack_size = 256 << 10;  // signal handlers run on it too

void introduce(std::uintptr_t block, HubGreenlet* self, Hub& hub) noexcept {
  in_block(block, current) = self;
  in_block(block, running_hub) = &hub;
  in_block(block, in_runtime) = true;  // switches end and start in the hub
}

}  // namespace

HubGreenlet::HubGreenlet(Hub& home, const Place& place, Entry entry)
    : RawGreenlet(place.low, place.size, place.block, entry), home(&home), stack(place.stack) {
  introduce(place.block, this, home);
}

Hub::Hub(HubGreenlet& main, Carrier& carrier)
    : loop_(
          [](void* self) {
            if (auto* act = static_cast<Hub*>(self)->on_wake) act();
          },
          this),
      deadlines_(loop_),
      descriptors_(loop_),
      main_(main),
      carrier_(&carrier),
      process_(getpid()) {
  const Place place = take_place(loop_stack_size);
  loop_greenlet_ = new (place.stack->reserve(sizeof(RawGreenlet), alignof(RawGreenlet)))
      RawGreenlet(place.low, static_cast<std::size_t>(place.stack->high() - place.low), place.block, loop_entry);
  introduce(place.block, nullptr, *this);
  main.home = this;
  current = &main;
  my_carrier = &carrier;
  my_turn = begin_turn();
  statistics_.greenlets_peak = 1;
}

Hub& Hub::start(HubGreenlet& main) {
  if (const int error = start_monitor())
    throw std::system_error(error, std::generic_category(), "cannot start a thread");
  update_static_tls();
  main.id = 1;
  Hub& hub = *new Hub(main, Carriers::adopt_this_thread());
  watch_hub(hub);
  return hub;
}

void Hub::restart_after_fork(HubGreenlet& calling) {
  // The loop's stack stays where it is, unused: unwinding it would run the parent's hub.
  const auto act = on_wake;
  forget_monitor();
  Carrier& carrier = Carriers::restart_after_fork();
  this->~Hub();
  new (this) Hub(calling, carrier);
  on_wake = act;
}

RawGreenlet& Hub::loop_entry(RawGreenlet&) {
  enter_tls_block();
  running_hub->run_loop();
}

// Runs when no greenlet is ready, and when the budget of direct switches is spent.
void Hub::run_loop() noexcept {
  for (;;) {
    look();
    grant();
    HubGreenlet* next = next_ready();
    if (next == nullptr) continue;
    ++statistics_.switches;
    RawGreenlet::switch_to(*loop_greenlet_, *next);
  }
}

// What made greenlets ready: other kernel threads, descriptors, deadlines. Waits only if there is nothing else to do.
void Hub::look() noexcept {
  const auto receive = [this](HubGreenlet& greenlet) { ready_.push_back(greenlet); };
  round_ended_ = Deadline::Clock::now();
  const auto expire = [](HubGreenlet& greenlet) { unpark(greenlet, Wake::timed_out); };
  inbox_.take_all(receive);
  deadlines_.expire(expire);
  const bool idle = ready_.empty();
  if (idle) {
    deadlines_.arm();
    turn_.store(polling, std::memory_order_release);
    loop_.poll(Loop::Patience::wait);
    turn_.exchange(runtime);  // before the look at whether the monitor sleeps, which it does only while we poll
    wake_monitor();
  } else {
    loop_.poll(Loop::Patience::look);
  }
  inbox_.take_all(receive);
  deadlines_.expire(expire);
}

// How many switches may pass until the next look. All that are ready now: looking earlier makes nobody run earlier,
// because who is found ready queues up behind them. At least 64, or what lately took a millisecond: short rounds would
// pay for a look each time, long ones would let I/O wait.
void Hub::grant() noexcept {
  const auto used = granted_ - budget_;
  const auto took = round_ended_ - round_began_;
  if (took > std::chrono::milliseconds(1)) {
    short_round_ =
        std::clamp<std::size_t>(used * std::size_t{1'000'000} / static_cast<std::size_t>(took.count()), 1, 64);
  } else {
    short_round_ = std::min<std::size_t>(short_round_ * 2, 64);
  }
  round_began_ = Deadline::Clock::now();
  granted_ = budget_ = std::max(ready_.size(), short_round_);
}

HubGreenlet* Hub::next_ready() noexcept {
  if (budget_ == 0) return nullptr;
  --budget_;
  return ready_.pop_front();
}

// Who goes on when a greenlet stops: the next ready one, or the loop.
RawGreenlet& Hub::successor() noexcept {
  HubGreenlet* next = next_ready();
  return next != nullptr ? static_cast<RawGreenlet&>(*next) : *loop_greenlet_;
}

void Hub::stop_running(HubGreenlet& self) noexcept {
  RawGreenlet& next = successor();
  if (&next == &self) return;
  ++statistics_.switches;
  RawGreenlet::switch_to(self, next);
  my_carrier = carrier();
}

void Hub::drive(Carrier& by, RawGreenlet& idle) noexcept {
  carrier_.store(&by, std::memory_order_relaxed);
  ++statistics_.retakes;
  RawGreenlet::switch_to(idle, *loop_greenlet_);
}

void enter_hub() noexcept {
  Hub& home = *current->home;
  provoke();
  if (home.take_turn(my_turn)) {
    running_hub = &home;
  } else {
    my_turn = 0;  // re-taken
  }
}

// From the store on another kernel thread may own the hub: what follows touches this stack and block only.
void leave_hub() noexcept {
  my_turn = std::exchange(running_hub, nullptr)->begin_turn();
  provoke();
}

void go_home() noexcept {
  my_carrier->send_home(*current);
  running_hub = current->home;
  my_carrier = running_hub->carrier();
}

void begin_user_code() noexcept {
  my_carrier = running_hub->carrier();
  leave_hub();
  in_runtime = false;
}

void end_user_code() noexcept {
  in_runtime = true;
  if (my_turn != 0) enter_hub();
  if (running_hub == nullptr) go_home();
}

void Hub::yield(HubGreenlet& self) noexcept {
  ready_.push_back(self);
  stop_running(self);
}

void Hub::adopt(HubGreenlet& fresh) noexcept {
  fresh.id = ++statistics_.greenlets + 1;
  statistics_.greenlets_peak = std::max<std::uint64_t>(statistics_.greenlets_peak, ++alive_);
  // A forked child makes its first thread. Where the kernel refuses a monitor, it does without.
  if (!monitor_runs() && start_monitor() == 0) watch_hub(*this);
  ready_.push_back(fresh);
}

RawGreenlet& Hub::leave_for_ever(HubGreenlet&) noexcept {
  --alive_;
  ++statistics_.switches;
  return successor();
}

void Hub::wake() noexcept { loop_.wake(); }

void Hub::push_foreign(HubGreenlet& greenlet) noexcept {
  inbox_.push(greenlet);
  provoke();
  loop_.wake();
}

}  // namespace evergreen::core
