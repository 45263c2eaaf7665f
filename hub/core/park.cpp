#include "hub/core/park.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/provoke.h"
#include "hub/core/solo.h"
#include "hub/core/spawn.h"

namespace evergreen::core {

constinit thread_local HubGreenlet* current = nullptr;
constinit thread_local bool waits_natively = false;
constinit std::atomic<std::uint32_t> process_count{0};

namespace {

constexpr HubGreenlet::Parking outcome_of(Wake how) {
  switch (how) {
    case Wake::woken:
      return HubGreenlet::woken;
    case Wake::timed_out:
      return HubGreenlet::timed_out;
    case Wake::interrupted:
      return HubGreenlet::interrupted;
    case Wake::signalled:
      return HubGreenlet::signalled;
    case Wake::ended:
      return HubGreenlet::ended;
  }
  __builtin_unreachable();
}

}  // namespace

HubGreenlet& current_or_thread() {
  if (current != nullptr) return *current;
  struct PlainThread : HubGreenlet {};
  static thread_local PlainThread thread;
  thread.process = process_count.load(std::memory_order_relaxed);  // it may have forked
  return thread;
}

Wake park(HubGreenlet& self, const char* why, Deadline deadline) noexcept {
  provoke();
  const Runtime runtime;
  if (self.home == nullptr || waits_natively) return block_thread(self, deadline);
  if (has_notice.load()) unpark(self, Wake::signalled);
  if (stays_solo(self)) {
    if (const auto end = block_solo(self, deadline)) return *end;
  }
  if (running_hub == nullptr) go_home();
  Hub& hub = *self.home;
  if (begin_park(self, HubGreenlet::parked) != 0) {
    self.waits_for = why;
    ++hub.statistics().parks;
    if (!deadline.is_never()) {
      self.deadline = deadline;
      hub.deadlines().add(self);
    }
    hub.stop_running(self);
    if (self.in_deadlines.is_linked()) hub.deadlines().remove(self);
    self.waits_for = nullptr;
  }
  return take_outcome(self);
}

void unpark(HubGreenlet& greenlet, Wake how, Order order) noexcept {
  if (greenlet.has_stayed_in_parent()) [[unlikely]]
    return;
  std::uint32_t seen = greenlet.parking.load();
  do {
    if ((seen & ~std::uint32_t{HubGreenlet::marks}) > HubGreenlet::polling) return;  // it has been woken already
    if (how == Wake::signalled && (seen & HubGreenlet::hears) == 0) return;
    if (how == Wake::ended && (seen & HubGreenlet::heeds_end) == 0) return;
  } while (!greenlet.parking.compare_exchange_weak(seen, outcome_of(how)));
  provoke();
  seen &= ~std::uint32_t{HubGreenlet::marks};
  if (seen == HubGreenlet::awake) return;  // it has not parked yet, and now won't
  if (seen == HubGreenlet::blocked) {
    syscall(SYS_futex, &greenlet.parking, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
  } else if (seen == HubGreenlet::polling) {
    in_block(greenlet.block(), my_carrier)->kick();
  } else if (greenlet.home == running_hub) {
    greenlet.home->make_ready(greenlet, order);
  } else {
    greenlet.home->push_foreign(greenlet);
  }
}

void yield() {
  if (!can_park()) {
    syscall(SYS_sched_yield);
    return;
  }
  const Runtime runtime;
  if (running_hub != nullptr) {
    running_hub->yield(*current);
  } else {
    syscall(SYS_sched_yield);  // detached: the kernel's business
  }
}

}  // namespace evergreen::core
