#include "hub/core/hub.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "greenlet/annotate.h"
#include "greenlet/arch_x86_64.h"
#include "greenlet/kernel_thread.h"
#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/carrier.h"
#include "hub/core/closing.h"
#include "hub/core/cpu_time.h"
#include "hub/core/hubs.h"
#include "hub/core/monitor.h"
#include "hub/core/park.h"
#include "hub/core/provoke.h"
#include "hub/core/signal_masks.h"
#include "hub/core/solo.h"
#include "hub/core/spawn.h"

namespace evergreen::core {

namespace {

constexpr std::size_t loop_stack_size = 256 << 10;  // signal handlers run on it too

void introduce(std::uintptr_t block, HubGreenlet* self, Hub& hub) noexcept {
  in_block(block, current) = self;
  in_block(block, running_hub) = &hub;
  in_block(block, in_runtime) = true;  // switches end and start in the hub
}

}  // namespace

HubGreenlet::HubGreenlet(Hub& home, const Place& place, Entry entry)
    : RawGreenlet(place.low, place.size, place.block, entry, place.shares_block),
      home(&home),
      stack(place.stack),
      signal_mask((current != nullptr ? *current : Hubs::main_greenlet()).signal_mask) {
  if (!place.shares_block) introduce(place.block, this, home);
}

Hub::Hub(unsigned index)
    : loop_(
          [](void* self) {
            if (auto* act = static_cast<Hub*>(self)->on_wake) act();
          },
          this),
      deadlines_(loop_),
      descriptors_(loop_, index) {}

void Hub::make_loop_greenlet(std::uintptr_t shared) {
  const Place place = shared != 0 ? take_shared_place(loop_stack_size, shared) : take_place(loop_stack_size);
  void* memory = place.stack->reserve(sizeof(RawGreenlet), alignof(RawGreenlet));
  const auto size = static_cast<std::size_t>(place.stack->high() - place.low);
  loop_greenlet_ = new (memory) RawGreenlet(place.low, size, place.block, loop_entry, place.shares_block);
  if (!place.shares_block) introduce(place.block, nullptr, *this);
}

void Hub::begin_with(HubGreenlet& main, Carrier& carrier) noexcept {
  Hubs::add_first(*this, main);
  alive_ = 1;
  carrier_ = &carrier;
  main.home = this;
  main.id = 1;
  main.solo = false;
  main.signal_mask = carrier.signal_mask();
  SignalMasks::add(main.signal_mask);
  current = &main;
  my_carrier = &carrier;
  waits_natively = false;
  my_turn = begin_turn(&main);
}

Hub& Hub::start(HubGreenlet& main, Mode mode) {
  if (annotate::sanitized && mode == Mode::threads) throw std::logic_error("sanitizers can only run library mode");
  update_static_tls();
  // Its descriptors have high numbers, and come before the second kernel thread: once two share their table, the kernel
  // lets the table grow only after a pause (RCU) of some 15 ms.
  Hub& hub = *new Hub(0);
  if (const int error = start_monitor()) {
    delete &hub;
    throw std::system_error(error, std::generic_category(), "cannot start a thread");
  }
  hub.mode_ = mode;
  // In library mode the loop stays on the kernel thread, as the greenlets do: nothing then writes the FS base.
  hub.make_loop_greenlet(mode == Mode::library ? main.block() : 0);
  run_setxid_in_own_blocks();
  Carrier& carrier = Carriers::adopt_this_thread(mode);
  if (mode == Mode::library) main.share_block();
  hub.begin_with(main, carrier);
  return hub;
}

Hub* Hub::make(unsigned index) {
  Hub* hub = new Hub(index);
  try {
    hub->make_loop_greenlet();
  } catch (...) {
    delete hub;
    throw;
  }
  hub->begin_turn(nullptr);
  return hub;
}

void Hub::restart_after_fork(HubGreenlet& calling) {
  // What was made of the parent's hubs stays where it is, unused: unwinding the loops' stacks would run those hubs, and
  // other kernel threads may have been changing the rest while fork copied it.
  const auto act = on_wake;
  const Mode wanted = calling.shares_block() ? Mode::library : Mode::threads;
  forget_monitor();
  forget_watches();
  SignalMasks::restart_after_fork();
  new (this) Hub(0);  // first: a hub needs descriptors, a carrier can do without
  mode_ = wanted;
  Carrier& carrier = Carriers::restart_after_fork(wanted);
  make_loop_greenlet(calling.shares_block() ? calling.block() : 0);
  begin_with(calling, carrier);
  on_wake = act;
}

// What shares a block must never run on two kernel threads at once. So it goes home first, if it was detached; and its
// turns are kept from the next one on, which begins when it leaves this scope. Offers of earlier ones are void then.
void Hub::become_library() noexcept {
  const Runtime runtime;
  if (running_hub == nullptr) go_home();
  current->share_block();
  mode_ = Mode::library;
}

RawGreenlet& Hub::loop_entry(RawGreenlet&) {
  running_hub->loop_greenlet_->shares_block() ? enter_shared_block() : enter_tls_block();
  running_hub->run_loop();
}

// Runs when no greenlet is ready, and when the budget of direct switches is spent.
void Hub::run_loop() noexcept {
  for (;;) {
    current = nullptr;  // a greenlet's, where that shares this TLS block
    look();
    grant();
    HubGreenlet* next = next_ready();
    if (next == nullptr) continue;
    begin_run();
    RawGreenlet::switch_to(*loop_greenlet_, *next);
  }
}

// What made greenlets ready: other kernel threads, descriptors, deadlines. Waits only if there is nothing else to do.
void Hub::look() noexcept {
  round_ended_ = Deadline::Clock::now();
  carrier()->set_signal_mask(SignalMasks::blocked_by_all());
  receive();
  if (ready_.empty() && stepper_ == nullptr && idlers_.empty()) {
    wait_for_work();
  } else {
    if (stepper_ != nullptr) deadlines_.arm();  // another loop waits for us then
    loop_.poll(Loop::Patience::look);
  }
  receive();
  if (ready_.empty()) {
    while (Idler* idler = idlers_.pop_front()) unpark(*idler->greenlet, Wake::woken);
  }
  if (stepper_ != nullptr) ready_.push_front(*std::exchange(stepper_, nullptr));
}

void Hub::wait_for_work() noexcept {
  const bool for_ever = mode() == Mode::library && nothing_is_due();
  deadlines_.arm(for_ever ? quiet_.look_at(run()) : Deadline::never());
  turn_.store(polling, std::memory_order_release);
  loop_.poll(Loop::Patience::wait);
  turn_.exchange(runtime);  // before the look at whether the monitor sleeps, which it does only while we poll
  wake_monitor();
  if (for_ever && nothing_is_due() && quiet_.look_at(run()).has_passed() && !end_deadlock(*this)) quiet_.still_quiet();
}

void Hub::receive() noexcept {
  run_errands();
  inbox_.take_all([this](HubGreenlet& greenlet) { ready_.push_back(greenlet); });
  deadlines_.expire([](HubGreenlet& greenlet) { unpark(greenlet, Wake::timed_out); });
}

void Hub::run_errands() noexcept {
  if (errands_.load(std::memory_order_relaxed) == nullptr) return;
  for (Errand* errand = errands_.exchange(nullptr, std::memory_order_acquire); errand != nullptr;) {
    Errand* next = errand->next;
    descriptors_.forget(errand->closed_fd);
    unpark(errand->asker, Wake::woken);  // which ends the errand, too
    errand = next;
  }
}

void Hub::forget(int fd) noexcept {
  const Runtime runtime;
  if (running_hub == this) return descriptors_.forget(fd);
  HubGreenlet& self = current_or_thread();
  prepare_to_park(self);
  Errand errand{fd, self, errands_.load(std::memory_order_relaxed)};
  while (!errands_.compare_exchange_weak(errand.next, &errand, std::memory_order_release, std::memory_order_relaxed)) {
  }
  provoke();
  wake();
  park(self, "close", Deadline::never());
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
  begin_run();
  end_cpu_time(self);
  RawGreenlet::switch_to(self, next);
  current = &self;  // another's meanwhile, where greenlets share a TLS block
  board(self);
}

void Hub::drive(Carrier& by, RawGreenlet& idle, Handover why) noexcept {
  carrier_.store(&by, std::memory_order_relaxed);
  HubGreenlet* const detached = owner();
  if (why == Handover::thread_like) detached->solo.store(true, std::memory_order_relaxed);
  if (why == Handover::slow_call) ++statistics_.offloads;
  if (why == Handover::overdue || why == Handover::thread_like) ++statistics_.retakes;
  RawGreenlet::switch_to(idle, *loop_greenlet_);
}

void Hub::yield(HubGreenlet& self) noexcept {
  ready_.push_back(self);
  stop_running(self);
}

void Hub::adopt(HubGreenlet& fresh) noexcept {
  const Runtime runtime;
  ++alive_;
  fresh.id = Hubs::count_spawn();
  SignalMasks::add(fresh.signal_mask);
  // A forked child makes its first thread. Where the kernel refuses a monitor, it does without.
  if (!monitor_runs()) start_monitor();
  running_hub == this ? ready_.push_back(fresh) : push_foreign(fresh);
}

RawGreenlet& Hub::leave_for_ever(HubGreenlet& dying) noexcept {
  --alive_;
  if (joiner_ != nullptr && is_alone()) unpark(*joiner_, Wake::woken);
  SignalMasks::remove(dying.signal_mask);
  Hubs::count_death();
  begin_run();
  return successor();
}

// Not in a forked child that has none: the number of the loop's descriptor may be another's.
void Hub::wake() noexcept {
  if (Hubs::count() != 0) loop_.wake();
}

void Hub::push_foreign(HubGreenlet& greenlet) noexcept {
  inbox_.push(greenlet);
  provoke();
  loop_.wake();
}

}  // namespace evergreen::core
