#include "hub/core/slow_call.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "hub/core/address_hash.h"
#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/park.h"

namespace evergreen::core {
namespace {

// A call that took this long was worth a hand-over, which wakes a thread and later the hub.
constexpr std::chrono::microseconds worth_it(50);

constexpr std::uint8_t retakes_to_learn = 3;

std::int64_t now() noexcept { return Deadline::Clock::now().time_since_epoch().count(); }

// Returns whether the others go on while the running greenlet blocks: also where nobody is held up.
bool offer_turn() noexcept {
  if (getpid() != Hubs::process()) return false;  // a vfork child: a carrier made here would be the child's
  for (;;) {
    Carrier* spare = nullptr;
    {
      const Runtime runtime;
      if (running_hub == nullptr || running_hub->alive() == 1) return true;
      if (Hub::is_kept(my_turn)) return false;
      if (!running_hub->offers.is_full() && (spare = Carriers::take()) == nullptr) return false;
    }
    // Only now is it known which turn it is. Who was on the way a moment ago may have come in vain: then once more.
    if (!current->home->offers.put({my_turn, Handover::slow_call}, spare == nullptr)) continue;
    if (spare != nullptr) Carriers::call(*spare, *current->home);
    return true;
  }
}

constexpr unsigned site_bits = 10;
constinit std::array<CallSite, 1 << site_bits> sites;

}  // namespace

CallSite& call_site(const void* return_address) noexcept { return sites[address_hash(return_address, site_bits)]; }

SlowCall::SlowCall() noexcept : site_(nullptr) {
  const int saved = errno;
  offered_ = !can_park() || offer_turn();
  errno = saved;
}

SlowCall::SlowCall(CallSite& site) noexcept : site_(&site) {
  if (!can_park() || my_turn == 0) return;
  if (site.patience_.load(std::memory_order_relaxed) == 0) {
    turn_ = my_turn;
    return;
  }
  const int saved = errno;
  began_ = now();
  offered_ = offer_turn();
  errno = saved;
}

SlowCall::~SlowCall() {
  if (turn_ != 0) {
    const bool lost_hub = my_turn == turn_ && current->home->turn() != turn_;
    if (lost_hub) site_->note_retake();
  } else if (began_ != 0) {
    site_->note_offered(now() - began_ >= std::chrono::nanoseconds(worth_it).count());
  }
}

void CallSite::note_retake() noexcept {
  if (retakes_.fetch_add(1, std::memory_order_relaxed) + 1 < retakes_to_learn) return;
  retakes_.store(0, std::memory_order_relaxed);
  patience_.store(slow, std::memory_order_relaxed);
}

void CallSite::note_offered(bool was_slow) noexcept {
  const std::uint8_t patience = patience_.load(std::memory_order_relaxed);
  if (was_slow) {
    patience_.store(slow, std::memory_order_relaxed);
  } else if (patience != 0) {
    patience_.store(patience - 1, std::memory_order_relaxed);
  }
}

}  // namespace evergreen::core
