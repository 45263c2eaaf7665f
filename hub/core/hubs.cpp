#include "hub/core/hubs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>

#include "greenlet/fatal.h"
#include "greenlet/spin_lock.h"
#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/park.h"
#include "hub/core/settings.h"
#include "hub/core/solo.h"

namespace evergreen::core {
namespace {

constinit std::array<std::atomic<Hub*>, Hubs::limit> hubs{};
constinit std::atomic<unsigned> hub_count{0}, wanted{1};
constinit std::atomic<HubGreenlet*> first_greenlet{nullptr};
constinit std::atomic<pid_t> own_process{0};

constinit std::atomic<std::size_t> alive_now{0}, alive_most{0};
constinit std::atomic<std::uint64_t> spawned_ever{0};

constinit SpinLock make_lock;  // of make_next()

// Threads are not dealt to the library's hub, where a long run of one would hold up the library's greenlets, or theirs
// it.
unsigned first_for_threads() noexcept { return Hubs::at(0).mode() == Mode::library ? 1 : 0; }
unsigned most() noexcept { return std::min(wanted.load(std::memory_order_relaxed) + first_for_threads(), Hubs::limit); }

// Makes the next hub, unless somebody else is about to.
Hub* make_next() noexcept {
  const Runtime runtime;
  const std::lock_guard guard(make_lock);
  const unsigned index = hub_count.load();
  if (index >= most()) return nullptr;
  Carrier* carrier = Carriers::take();
  try {
    Hub* hub = carrier == nullptr ? nullptr : Hub::make(index);
    if (hub != nullptr) {
      const std::uint64_t first_turn = hub->turn();  // before the monitor sees the hub, and may offer it, too
      hubs[index].store(hub, std::memory_order_release);
      hub_count.store(index + 1, std::memory_order_release);
      hub->offers.put({first_turn, Handover::fresh}, false);
      Carriers::call(*carrier, *hub);
      return hub;
    }
  } catch (const std::exception&) {
    Carriers::put_back(*carrier);
  }
  report("cannot start hub %u of %u: going on with fewer", index + 1, most());
  wanted.store(index - first_for_threads());
  return nullptr;
}

}  // namespace

unsigned Hubs::count() noexcept { return hub_count.load(std::memory_order_acquire); }

Hub& Hubs::at(unsigned index) noexcept { return *hubs[index].load(std::memory_order_acquire); }

Hub& Hubs::for_new_greenlet() noexcept {
  if (count() < most()) {
    if (Hub* hub = make_next()) return *hub;
  }
  const unsigned first = std::min(first_for_threads(), count() - 1);
  Hub* best = &at(first);
  for (unsigned i = first + 1; i < count(); ++i) {
    if (at(i).alive() < best->alive()) best = &at(i);
  }
  return *best;
}

std::size_t Hubs::alive() noexcept { return alive_now.load(); }
std::size_t Hubs::alive_peak() noexcept { return alive_most.load(); }
std::uint64_t Hubs::spawned() noexcept { return spawned_ever.load(); }

Statistics Hubs::statistics() noexcept {
  Statistics sum;
  for (unsigned i = 0; i < count(); ++i) {
    const Statistics& one = at(i).statistics();
    sum.switches += at(i).run();
    sum.parks += one.parks;
    sum.retakes += one.retakes;
    sum.offloads += one.offloads;
  }
  return sum;
}

HubGreenlet& Hubs::main_greenlet() noexcept { return *first_greenlet.load(); }
pid_t Hubs::process() noexcept { return own_process.load(std::memory_order_relaxed); }

void Hubs::add_first(Hub& hub, HubGreenlet& main) noexcept {
  hubs[0] = &hub;
  hub_count = 1;
  wanted = static_cast<unsigned>(std::clamp<std::size_t>(settings().hubs, 1, limit));
  begin_process(&main);
}

// A kernel thread without a greenlet may have forked.
void Hubs::stay_in_parent() noexcept {
  new (&make_lock) SpinLock;  // another thread may have held it
  hub_count = 0;
  const std::uint32_t process = process_count.load() + 1;
  process_count = process;
  if (current != nullptr) current->process = process;
  begin_process(current);
  forget_solo_waits();
  has_notice.store(false);
  my_turn = 0;
  running_hub = nullptr;
  waits_natively = current != nullptr;
}

void Hubs::begin_process(HubGreenlet* main) noexcept {
  first_greenlet = main;
  own_process = getpid();
  alive_now = alive_most = 1;
  spawned_ever = 0;
}

std::uint64_t Hubs::count_spawn() noexcept {
  const std::size_t now = alive_now.fetch_add(1) + 1;
  std::size_t most = alive_most.load(std::memory_order_relaxed);
  while (most < now && !alive_most.compare_exchange_weak(most, now)) {
  }
  return spawned_ever.fetch_add(1) + 2;
}

void Hubs::count_death() noexcept { alive_now.fetch_sub(1); }

}  // namespace evergreen::core
