// The library is first used when threads are greenlets already, and the main one has been taken from its hub: it goes
// home, and from then on nobody takes the hub from the library's greenlets. A program of its own, because a process has
// one first hub. Ends with status 0 if all holds.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "evergreen/evergreen.h"
#include "hub/core/carrier.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/runtime.h"

using namespace evergreen;
using namespace std::chrono_literals;

namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  std::exit(EXIT_FAILURE);
}

bool is_detached() { return core::Hubs::at(0).owner() != core::current || !core::Hub::is_user(core::Hubs::at(0).turn()); }

}  // namespace

int main() {
  patch::threads();
  std::atomic<bool> stop{false};
  std::atomic<int> ticks{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        usleep(1000);
        ++ticks;
      }
    });
  }
  const int before = ticks;
  while (ticks < before + 3) continue;  // they go on, so the hub was taken from us
  bool thrown = false;
  std::thread([&] {
    try {
      spawn([] {});
    } catch (const std::logic_error&) {
      thrown = true;
    }
  }).join();
  check(thrown, "a thread can't be the first to use the library");
  const int then = ticks;
  while (ticks < then + 3) continue;
  check(is_detached(), "the main greenlet is detached");
  auto greenlet = spawn([] {
    sleep(1ms);
    return 7;
  });
  check(greenlet.get() == 7, "a greenlet runs");
  check(core::Hubs::at(0).mode() == core::Mode::library, "the first hub is the library's");
  const pid_t carrier = core::Hubs::at(0).carrier()->thread();
  const auto retakes = core::Hubs::statistics().retakes;
  spawn([] {
    const Deadline enough(50ms);
    while (!enough.has_passed()) continue;
  }).join();
  check(core::Hubs::statistics().retakes == retakes, "the hub is not taken from a library greenlet");
  check(core::Hubs::at(0).carrier()->thread() == carrier, "it stays on its kernel thread");
  core::Hub* home = nullptr;
  std::thread([&] { home = core::current->home; }).join();
  check(home == &core::Hubs::at(1), "new threads are dealt to another hub");
  for (int i = 0; i < 20; ++i) {
    Event event;
    auto setter = std::thread([&] { event.set(); });
    check(spawn([&] { return event.wait(20s); }).get(), "an event that a thread sets");
    spawn([&] { setter.join(); }).join();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  return EXIT_SUCCESS;
}
