#include "hub/core/runtime.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/hub_fixture.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;

namespace {

// What sem_post in a handler does: on the spot where that is possible, else on the loop's stack.
std::atomic<int> posts{0}, deferred{0}, handled{0}, on_the_spot{0};
std::atomic<core::HubGreenlet*> waiter{nullptr};
core::Hub* the_hub;

void release() noexcept {
  if (core::HubGreenlet* greenlet = waiter.exchange(nullptr)) core::unpark(*greenlet, core::Wake::woken);
}

void on_wake() noexcept {
  if (deferred.exchange(0) != 0) release();
}

void handler(int) {
  ++posts;
  const core::Runtime runtime;
  if (runtime.nested()) {
    ++deferred;
    the_hub->wake();
  } else {
    ++on_the_spot;
    release();
  }
  ++handled;
}

// Until a post that has not been seen; how many have been.
int wait_for_post(int seen) {
  core::HubGreenlet& self = *core::current;
  while (posts == seen) {
    core::prepare_to_park(self);
    waiter = &self;
    if (posts == seen) core::park(self, "a post", Deadline::never());
    waiter = nullptr;
  }
  return seen + 1;
}

class Handler {
 public:
  explicit Handler(core::Hub& hub) {
    posts = deferred = handled = on_the_spot = 0;
    the_hub = &hub;
    hub.on_wake = on_wake;
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &before_);
  }
  ~Handler() {
    sigaction(SIGUSR1, &before_, nullptr);
    the_hub->on_wake = nullptr;
  }

 private:
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE_METHOD(HubFixture, "a scope of hub code within another knows it", "[runtime]") {
  bool outer = true, inner = false, after = true;
  {
    const core::Runtime one;
    outer = one.nested();
    {
      const core::Runtime two;
      inner = two.nested();
    }
    after = core::in_runtime;
  }
  CHECK_FALSE(outer);
  CHECK(inner);
  CHECK(after);
  CHECK_FALSE(core::in_runtime);
}

TEST_CASE_METHOD(HubFixture, "a greenlet is not in hub code when a park returns", "[runtime]") {
  park_until(Deadline::in(1ms));
  const bool after_park = core::in_runtime;
  core::yield();
  const bool after_yield = core::in_runtime;
  CHECK_FALSE(after_park);
  CHECK_FALSE(after_yield);
}

TEST_CASE_METHOD(HubFixture, "wake() ends the loop's wait and runs on_wake", "[runtime]") {
  static std::atomic<int> calls;
  static core::HubGreenlet* sleeper;
  calls = 0;
  hub.on_wake = []() noexcept {
    ++calls;
    core::unpark(*sleeper, core::Wake::woken);
  };
  sleeper = core::current;
  core::prepare_to_park(*sleeper);
  std::thread thread([this] { hub.wake(); });
  const core::Wake wake = core::park(*sleeper, "wake", Deadline::in(30s));
  thread.join();
  hub.on_wake = nullptr;
  CHECK(wake == core::Wake::woken);
  CHECK(calls == 1);
}

TEST_CASE_METHOD(HubFixture, "a signal handler's wake-ups are not lost, whatever they interrupt", "[runtime]") {
  const Handler installed(hub);
  const pthread_t self = pthread_self();
  std::atomic<int> seen{0};
  std::atomic<int> total{std::numeric_limits<int>::max()};
  std::thread sender([&] {
    const Deadline enough = Deadline::in(300ms);  // the first some thousand take far less, unless the machine is busy
    for (int sent = 1; sent <= total; ++sent) {
      if (sent == 3000 || enough.has_passed()) total = sent;
      pthread_kill(self, SIGUSR1);
      while (seen < sent) std::this_thread::yield();  // two pending signals are one
    }
  });
  bool stop = false;
  spawn([&] {
    while (seen < total) seen = wait_for_post(seen);
    stop = true;
  });
  const bool busy = GENERATE(true, false);
  if (busy) {  // hub code is what is interrupted, most of the time
    spawn([&] {
      while (!stop) core::yield();
    });
    spawn([&] {
      while (!stop) sleep_for(10us);
    });
  }
  join_all();
  sender.join();
  CHECK(handled == total);
  CHECK(seen == total);
}
