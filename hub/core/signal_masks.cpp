#include "hub/core/signal_masks.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <new>

#include "greenlet/arch_x86_64.h"
#include "greenlet/spin_lock.h"
#include "hub/core/carrier.h"
#include "hub/core/hubs.h"

namespace evergreen::core {
namespace {

// How many greenlets have a mask. A process has few different ones.
struct Kind {
  std::uint64_t mask = 0;
  std::size_t greenlets = 0;
};

struct Kinds {
  SpinLock lock;  // guards the rest
  std::array<Kind, 64> some{};
  std::size_t others = 0;  // with masks that found no place: taken to block nothing
};

constinit Kinds kinds;
constinit std::atomic<std::uint64_t> common{0};

Kind* find(std::uint64_t mask) noexcept {
  Kind* free = nullptr;
  for (Kind& kind : kinds.some) {
    if (kind.greenlets != 0 && kind.mask == mask) return &kind;
    if (kind.greenlets == 0 && free == nullptr) free = &kind;
  }
  if (free != nullptr) free->mask = mask;
  return free;
}

// Precondition of these three: the lock is held.
void count_in(std::uint64_t mask) noexcept {
  Kind* kind = find(mask);
  ++(kind != nullptr ? kind->greenlets : kinds.others);
}

void count_out(std::uint64_t mask) noexcept {
  Kind* kind = find(mask);
  const bool known = kind != nullptr && kind->greenlets != 0;
  --(known ? kind->greenlets : kinds.others);
}

void update_common() noexcept {
  std::uint64_t all = all_signals;
  bool any = false;
  for (const Kind& kind : kinds.some) {
    if (kind.greenlets == 0) continue;
    any = true;
    all &= kind.mask;
  }
  common.store(any && kinds.others == 0 ? all : 0);
}

// Who polls with a wider mask is woken, and narrows it before it polls again.
void await_other_hubs(std::uint64_t blocked) noexcept {
  for (unsigned i = 0; i < Hubs::count(); ++i) {
    Hub& hub = Hubs::at(i);
    const auto leaves_open = [&] {
      const Carrier* carrier = hub.carrier();
      return carrier != nullptr && (blocked & common.load() & ~carrier->signal_mask()) != 0;
    };
    while (&hub != running_hub && leaves_open()) {
      hub.wake();
      arch::give_cpu();
    }
  }
}

}  // namespace

void SignalMasks::add(std::uint64_t mask) noexcept {
  const std::lock_guard guard(kinds.lock);
  count_in(mask);
  update_common();
}

void SignalMasks::remove(std::uint64_t mask) noexcept {
  const std::lock_guard guard(kinds.lock);
  count_out(mask);
  update_common();
}

void SignalMasks::note_change(HubGreenlet& self, std::uint64_t mask) noexcept {
  const std::lock_guard guard(kinds.lock);
  count_out(self.signal_mask);
  count_in(mask);
  self.signal_mask = mask;
  update_common();
}

void SignalMasks::change(HubGreenlet& self, std::uint64_t mask) noexcept {
  const std::uint64_t before = common.load();
  note_change(self, mask);
  my_carrier->set_signal_mask(mask);
  if (const std::uint64_t blocked = common.load() & ~before) await_other_hubs(blocked);
}

std::uint64_t SignalMasks::blocked_by_all() noexcept { return common.load(std::memory_order_relaxed); }

void SignalMasks::restart_after_fork() noexcept {
  new (&kinds) Kinds;
  common = 0;
}

}  // namespace evergreen::core
