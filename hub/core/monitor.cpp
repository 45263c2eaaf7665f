#include "hub/core/monitor.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "greenlet/fatal.h"
#include "hub/core/address_hash.h"
#include "hub/core/blocked_report.h"
#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/provoke.h"
#include "hub/core/runtime.h"

namespace evergreen::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds interval(1);      // between looks
constexpr milliseconds longest_run(9);   // from the second look on; one that has lost its CPU holds up the others, too
constexpr milliseconds most_cpu(5);      // likewise
constexpr milliseconds at_the_cap(100);  // a run that must be let go on, but reported
constexpr std::size_t stack_size = 1 << 20;  // libdw, which makes backtraces, needs hundreds of KiB
constexpr int looks_until_asleep = 200;

std::atomic<std::uint32_t> asleep{0};  // futex
bool running = false;

// Who is a thread by nature: a millisecond of a long run is a point, and each second halves them. Greenlets are known
// by their addresses, which are not used as such: they may be dead. Two that share a place take it from each other.
class Nature {
 public:
  // Counts `points` for `who`; returns whether it now has enough.
  bool count(const HubGreenlet* who, unsigned points) noexcept {
    Score& score = scores_[address_hash(who, score_bits)];
    const std::uint64_t second = look_ / 1024;
    if (score.who != who) score = {who, second, 0};
    if (score.second != second) score.points >>= std::min<std::uint64_t>(second - score.second, 31);
    score.second = second;
    score.points += points;
    return score.points >= enough;
  }

  void next_look() noexcept { ++look_; }

 private:
  static constexpr unsigned enough = 20;
  struct Score {
    const HubGreenlet* who = nullptr;
    std::uint64_t second = 0;
    unsigned points = 0;
  };
  static constexpr unsigned score_bits = 8;
  std::array<Score, 1 << score_bits> scores_{};
  std::uint64_t look_ = 0;
};

// What the monitor knows of one hub.
struct Watch {
  std::uint64_t run = 0;      // at the last look
  std::uint64_t offered = 0;  // the turn that was offered last
  bool seen_twice = false;
  Deadline::Clock::time_point since{};  // when the run was seen for the second time
  nanoseconds cpu_then{0}, cpu{0};      // of its carrier, then and at the last look
  nanoseconds next_report{0};           // how old the run must be
};

constinit std::array<Watch, Hubs::limit> watches{};
constinit Nature nature;

// Where the hub can't be taken: says who holds it up, after 10 ms and then after twice the time again and again.
void report_run(Hub& hub, Watch& watch, std::uint64_t turn, bool sleeps, nanoseconds so_far) noexcept {
  if (hub.alive() == 1 || so_far < watch.next_report) return;
  watch.next_report = 2 * so_far;
  // Stacks stay mapped: if the turn has just ended and its greenlet is dead, then the number is an old one.
  report_blocked({hub.owner()->id, turn, hub.alive() - 1, so_far, hub.carrier()->thread(), sleeps});
}

bool offer(Hub& hub, std::uint64_t turn, Handover why) noexcept {
  Carrier* spare = Carriers::take();
  if (spare == nullptr) return false;
  hub.offers.put({turn, why}, false);
  Carriers::call(*spare, hub);
  return true;
}

void say_no_carrier_is_left() noexcept {
  static bool said = false;
  if (!said)
    report("a greenlet holds up the others, and no carrier is left to go on with them; see EVERGREEN_CARRIERS");
  said = true;
}

void look_when_provoking(Hub& hub, std::uint64_t turn) noexcept {
  static unsigned count = 0;
  provoke();
  offer(hub, turn, ++count % 3 == 0 ? Handover::thread_like : Handover::overdue);
}

// A run that has lasted from one look to the next. Reading another owner's carrier or greenlet is harmless: the offer
// is void if the turn is over.
void look_at_long_run(Hub& hub, Watch& watch, std::uint64_t turn) noexcept {
  const HubGreenlet* const owner = hub.owner();
  if (watch.offered == turn || owner == nullptr) return;  // nobody's is the turn of a hub whose carrier is on its way
  Carrier& carrier = *hub.carrier();
  const nanoseconds cpu = carrier.cpu_time();
  const auto now = Deadline::Clock::now();
  if (!watch.seen_twice) {
    watch.since = now - interval;
    watch.next_report = longest_run;
    watch.cpu_then = cpu;
  }
  const bool works = watch.seen_twice && cpu - watch.cpu >= interval / 2;
  watch.seen_twice = true;
  watch.cpu = cpu;
  const bool sleeps = !works && carrier.activity() == Carrier::Activity::sleeps;
  const bool overdue = sleeps || cpu - watch.cpu_then >= most_cpu || now - watch.since >= longest_run;
  const bool thread_like = nature.count(owner, sleeps ? 5 : works ? 1 : 0);
  if (!overdue && !thread_like) return;
  if (hub.is_resting()) return;  // in another loop
  if (Hub::is_kept(turn)) return report_run(hub, watch, turn, sleeps, now - watch.since);
  if (offer(hub, turn, thread_like ? Handover::thread_like : Handover::overdue)) {
    watch.offered = turn;
  } else if (now - watch.since >= at_the_cap) {
    say_no_carrier_is_left();
    report_run(hub, watch, turn, sleeps, now - watch.since);
  }
}

// Returns whether the hub did anything since the last look.
bool look_at(Hub& hub, Watch& watch) noexcept {
  const std::uint64_t turn = hub.turn(), run = hub.run();
  const bool is_user = Hub::is_user(turn), same_run = run == watch.run;
  if (is_user && provoking && !Hub::is_kept(turn) && hub.owner() != nullptr) {
    look_when_provoking(hub, turn);
  } else if (is_user && same_run) {
    look_at_long_run(hub, watch, turn);
  } else {
    watch.seen_twice = false;
  }
  watch.run = run;
  return !same_run || !hub.is_resting();
}

bool all_poll() noexcept {
  for (unsigned i = 0; i < Hubs::count(); ++i) {
    if (!Hubs::at(i).is_resting()) return false;
  }
  return true;
}

void sleep_until_woken() noexcept {
  asleep.store(1);
  // A hub may have begun a turn before it could see that we sleep: look once more.
  if (all_poll()) syscall(SYS_futex, &asleep, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
  asleep.store(0);
}

void pause(nanoseconds length) noexcept {
  const timespec time{0, length.count()};
  syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, nullptr);
}

void* watch_all(void*) {
  in_runtime = true;  // shims go straight to libc
  for (int idle = 0;;) {
    pause(provoking ? std::chrono::microseconds(1) : interval);
    nature.next_look();
    bool any_active = Hubs::count() == 0;
    for (unsigned i = 0; i < Hubs::count(); ++i) any_active |= look_at(Hubs::at(i), watches[i]);
    idle = any_active ? 0 : idle + 1;
    if (idle < looks_until_asleep) continue;
    sleep_until_woken();
    idle = 0;
  }
}

}  // namespace

int start_monitor() noexcept {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = Carriers::make_thread(watch_all, nullptr, stack_size);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running = error == 0;
  return error;
}

bool monitor_runs() noexcept { return running; }

void forget_monitor() noexcept {
  running = false;
  watches = {};
  nature = {};
  asleep.store(0);
}

void wake_monitor() noexcept {
  if (asleep.load(std::memory_order_relaxed) == 0) return;
  asleep.store(0);
  syscall(SYS_futex, &asleep, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
}

}  // namespace evergreen::core
