// Greenlets of the library, threads that are greenlets, and kernel threads, in one program: all wait for each other's
// objects.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "tests/library/fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

bool is_converted() { return core::current != nullptr; }
bool is_preloaded() { return std::getenv("LD_PRELOAD") != nullptr; }

}  // namespace

// The first, before anything asks for conversion.
TEST_CASE("threads of a program that only links the patch stay kernel threads", "[.first]") {
  bool converted = true;
  std::thread([&] { converted = is_converted(); }).join();
  CHECK(converted == is_preloaded());
}

// Not with the fixture: preloaded it makes the hub of threads, with its descriptors.
TEST_CASE("a greenlet joins a thread while others go on", "[threads]") {
  core::library_hub();
  Event event;
  auto joiner = spawn([&] {
    std::thread thread([&] { CHECK(event.wait(20s)); });
    thread.join();
    return 1;
  });
  sleep(1ms);
  CHECK_FALSE(joiner.dead());
  event.set();
  CHECK(joiner.get() == 1);
}

TEST_CASE("greenlets and threads wait for each other", "[threads]") {
  core::library_hub();
  std::mutex mutex;
  std::condition_variable condition;
  Event event;
  int turn = 0;
  std::thread thread([&] {
    CHECK(event.wait(20s));
    const std::lock_guard guard(mutex);
    turn = 1;
    condition.notify_one();
  });
  event.set();
  {
    std::unique_lock lock(mutex);
    condition.wait(lock, [&] { return turn == 1; });
  }
  thread.join();
}

TEST_CASE("threads become greenlets when the program asks for it", "[threads]") {
  core::Hub& library = core::library_hub();
  patch::threads();
  for (int round = 0; round < 20; ++round) {
    Event event;
    std::mutex mutex;
    std::condition_variable condition;
    bool ready = false, converted = false;
    core::Hub* hub = nullptr;
    std::thread thread([&] {
      converted = is_converted();
      hub = core::current->home;
      CHECK(event.wait(20s));
      const auto greenlet = spawn([&] {  // to the library's hub
        sleep(0s);
        return core::current->home;
      });
      CHECK(greenlet.get() == &library);
      const std::lock_guard guard(mutex);
      ready = true;
      condition.notify_all();
    });
    auto setter = spawn([&] { event.set(); });
    std::vector<Greenlet<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&] {
        std::unique_lock lock(mutex);
        condition.wait(lock, [&] { return ready; });
      }));
    }
    spawn([&] { thread.join(); }).get();
    for (auto& waiter : waiters) waiter.join();
    CHECK(converted);
    CHECK(hub != &library);
  }
}

TEST_CASE("a converted thread that computes holds up no greenlet, and is taken from its hub", "[threads]") {
  core::library_hub();
  patch::threads();
  std::atomic<bool> stop{false};
  std::atomic<int> other{0};
  std::thread busy([&] {
    while (!stop) continue;
  });
  std::thread beside([&] {
    for (int i = 0; i < 5; ++i) {
      usleep(1000);
      ++other;
    }
  });
  spawn([] {
    for (int i = 0; i < 5; ++i) sleep(1ms);
  }).get();
  beside.join();
  CHECK(other == 5);
  stop = true;
  busy.join();
}

TEST_CASE("pipes between greenlets and converted threads", "[threads]") {
  core::library_hub();
  patch::threads();
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) {
      if (i % 10 == 0) usleep(100);
      CHECK(write(ends[1], "x", 1) == 1);
    }
  });
  const int got = spawn([&] {
                    int count = 0;
                    for (char byte; count < 100 && read(ends[0], &byte, 1) == 1;) ++count;
                    return count;
                  }).get();
  CHECK(got == 100);
  writer.join();
  close(ends[0]);
  close(ends[1]);
}
