#include "hub/core/hub.h"
#include "hub/core/hubs.h"

#include <unistd.h>

#include <array>
#include <exception>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Direction;
using core::Wake;

namespace {

thread_local int initial_42 = 42;

}  // namespace

TEST_CASE_METHOD(HubFixture, "greenlets run in the order of their spawning", "[hub]") {
  std::string order;
  for (const char name : {'a', 'b', 'c'}) spawn([&, name] { order += name; });
  CHECK(order.empty());
  join_all();
  CHECK(order == "abc");
}

TEST_CASE_METHOD(HubFixture, "yield lets the others run in turn", "[hub]") {
  std::string order;
  for (const char name : {'a', 'b', 'c'}) {
    spawn([&, name] {
      for (int i = 0; i < 3; ++i) {
        order += name;
        core::yield();
      }
    });
  }
  join_all();
  CHECK(order == "abcabcabc");
}

TEST_CASE_METHOD(HubFixture, "yield returns when nobody else is ready", "[hub]") {
  for (int i = 0; i < 1000; ++i) core::yield();
  SUCCEED();
}

TEST_CASE_METHOD(HubFixture, "a greenlet may spawn greenlets", "[hub]") {
  int leaves = 0;
  const std::function<void(int)> grow = [&](int depth) {
    if (depth == 0) {
      ++leaves;
      return;
    }
    for (int i = 0; i < 2; ++i) spawn([&, depth] { grow(depth - 1); });
  };
  grow(8);
  join_all();
  CHECK(leaves == 256);
}

TEST_CASE_METHOD(HubFixture, "ten thousand greenlets live and die", "[hub]") {
  int ran = 0;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 100; ++k) spawn([&] { ++ran; });
    core::yield();
  }
  join_all();
  CHECK(ran == 10'000);
}

TEST_CASE_METHOD(HubFixture, "alive counts from spawning to the end, and ids are unique", "[hub]") {
  std::set<std::uint64_t> ids{core::current->id};
  const auto spawned = core::Hubs::spawned();
  for (int i = 0; i < 10; ++i) ids.insert(spawn([] {}).id);
  CHECK(hub.alive() == 11);
  CHECK(core::Hubs::spawned() == spawned + 10);
  CHECK(core::Hubs::alive_peak() >= 11);
  join_all();
  CHECK(hub.alive() == 1);
  CHECK(ids.size() == 11);
}

TEST_CASE_METHOD(HubFixture, "each greenlet has its own errno and thread-local variables", "[hub]") {
  int wrong = 0;
  for (int i = 1; i <= 50; ++i) {
    spawn([&, i] {
      wrong += initial_42 == 42 && errno == 0 ? 0 : 1;
      for (int k = 0; k < 10; ++k) {
        initial_42 = i * 100 + k;
        errno = i * 100 + k;
        core::yield();
        wrong += initial_42 == i * 100 + k && errno == i * 100 + k ? 0 : 1;
      }
    });
  }
  join_all();
  CHECK(wrong == 0);
  CHECK(initial_42 == 42);
}

TEST_CASE_METHOD(HubFixture, "exceptions in flight follow their greenlet", "[hub]") {
  int wrong = 0;
  for (int i = 0; i < 50; ++i) {
    spawn([&, i] {
      try {
        throw i;
      } catch (int) {
        core::yield();
        try {
          throw;
        } catch (int number) {
          wrong += number == i ? 0 : 1;
        }
      }
      wrong += std::uncaught_exceptions();
    });
  }
  join_all();
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(HubFixture, "greenlets that yield for ever do not starve deadlines", "[hub]") {
  const int yielders = GENERATE(1, 100);
  bool stop = false;
  for (int i = 0; i < yielders; ++i) {
    spawn([&] {
      while (!stop) core::yield();
    });
  }
  int slept = 0;
  spawn([&] {
    for (; slept < 5; ++slept) sleep_for(1ms);
    stop = true;
  });
  join_all();
  CHECK(slept == 5);
}

TEST_CASE_METHOD(HubFixture, "greenlets that yield for ever do not starve descriptors", "[hub]") {
  const int yielders = GENERATE(1, 100);
  const DescriptorPair pipe = DescriptorPair::pipe();
  bool stop = false;
  for (int i = 0; i < yielders; ++i) {
    spawn([&] {
      while (!stop) core::yield();
    });
  }
  Wake wake = Wake::timed_out;
  spawn([&] {
    wake = core::wait_fd(pipe.reader, Direction::read, "test", Deadline::never());
    stop = true;
  });
  spawn([&] {
    for (int i = 0; i < 10; ++i) core::yield();
    if (write(pipe.writer, "x", 1) != 1) stop = true;
  });
  join_all();
  CHECK(wake == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "an absurd stack size is bad_alloc, and no greenlet", "[hub]") {
  CHECK_THROWS_AS(core::take_place(SIZE_MAX), std::bad_alloc);
  CHECK_THROWS_AS(core::take_place(std::size_t{1} << 50), std::bad_alloc);
}

TEST_CASE_METHOD(HubFixture, "a greenlet's object is destroyed when it has ended", "[hub]") {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  spawn([held = std::move(held)] { core::yield(); });
  CHECK_FALSE(watch.expired());
  join_all();
  CHECK(watch.expired());
}

TEST_CASE_METHOD(HubFixture, "sixteen kilobytes of a small stack can be used", "[hub]") {
  long sum = 0;
  spawn([&] {
    std::array<volatile char, 16 << 10> memory;
    for (volatile char& byte : memory) byte = 1;
    for (volatile char& byte : memory) sum += byte;
  });
  join_all();
  CHECK(sum == 16 << 10);
}
