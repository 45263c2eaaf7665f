#include "hub/core/monitor.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "greenlet/fatal.h"
#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/provoke.h"
#include "hub/core/runtime.h"

namespace evergreen::core {
namespace {

using std::chrono::microseconds;

constexpr microseconds interval(provoking ? 1 : 10'000);  // between looks
constexpr microseconds second_look(1'000);                // a greenlet that sleeps in the kernel by then is blocked
constexpr microseconds longest_turn(8'000);               // of CPU time: one that has only lost its CPU is no hog
constexpr int looks_until_asleep = 20;

std::atomic<Hub*> watched{nullptr};
std::atomic<std::uint32_t> asleep{0};  // futex
bool running = false;

// A spare is found first: who owns the hub must not have to wait for memory or a new thread.
void retake(Hub& hub, std::uint64_t turn) noexcept {
  Carrier* spare = Carriers::take();
  if (spare == nullptr) {
    static bool said = false;
    if (!said)
      report("a greenlet holds up the others, and no carrier is left to go on with them; see EVERGREEN_CARRIERS");
    said = true;
  } else if (provoke(); hub.take_turn(turn)) {
    provoke();
    Carriers::give_hub(*spare, hub);
  } else {
    Carriers::put_back(*spare);
  }
}

void sleep_until_woken() noexcept {
  asleep.store(1);
  // The hub may have begun a turn before it could see that we sleep: look once more.
  if (watched.load()->is_polling()) {
    syscall(SYS_futex, &asleep, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
  }
  asleep.store(0);
}

void pause(microseconds length) noexcept {
  const timespec time{0, std::chrono::nanoseconds(length).count()};
  syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, nullptr);
}

// Watches one turn from its first look on, for as long as it lasts. Reading another owner's carrier is harmless:
// take_turn decides, and it fails if the turn is over.
void watch_turn(Hub& hub, std::uint64_t turn) noexcept {
  if (provoking) return retake(hub, turn);
  const Carrier& carrier = *hub.carrier();
  const auto began = carrier.cpu_time();
  pause(second_look);
  if (hub.turn() != turn) return;
  if (carrier.activity() == Carrier::Activity::sleeps) return retake(hub, turn);
  while (hub.turn() == turn) {
    pause(interval - second_look);
    if (hub.turn() != turn) return;
    const bool hogs = carrier.cpu_time() - began >= longest_turn;
    if (hogs || carrier.activity() == Carrier::Activity::sleeps) return retake(hub, turn);
  }
}

void* watch(void*) {
  in_runtime = true;  // shims go straight to libc
  std::uint64_t last_count = 0;
  for (int idle = 0;;) {
    pause(interval);
    Hub* hub = watched.load(std::memory_order_acquire);
    if (hub == nullptr) continue;
    const std::uint64_t turn = hub->turn(), count = hub->turn_count();
    if (Hub::is_user(turn)) watch_turn(*hub, turn);
    idle = hub->is_polling() && count == last_count ? idle + 1 : 0;
    last_count = count;
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
  Carriers::remember_mask(before);
  const int error = Carriers::make_thread(watch, nullptr);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running = error == 0;
  return error;
}

bool monitor_runs() noexcept { return running; }

void watch_hub(Hub& hub) noexcept { watched.store(&hub, std::memory_order_release); }

void forget_monitor() noexcept {
  running = false;
  watched.store(nullptr);
  asleep.store(0);
}

void wake_monitor() noexcept {
  if (asleep.load(std::memory_order_relaxed) == 0) return;
  asleep.store(0);
  syscall(SYS_futex, &asleep, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
}

}  // namespace evergreen::core
