#include "evergreen/event.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "wait returns when the event is set", "[event]") {
  Event event;
  int woken = 0;
  auto a = spawn([&] { woken += event.wait() ? 1 : 0; });
  auto b = spawn([&] { woken += event.wait(30s) ? 1 : 0; });
  settle();
  CHECK(woken == 0);
  CHECK_FALSE(event.is_set());
  event.set();
  CHECK(event.is_set());
  a.get();
  b.get();
  CHECK(woken == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a set event does not make anybody wait, whatever the deadline", "[event]") {
  Event event;
  event.set();
  event.set();
  const bool was_set = event.wait(Deadline::now());
  CHECK(was_set);
  event.clear();
  const bool is_clear = !event.wait(Deadline::now());
  CHECK(is_clear);
}

TEST_CASE_METHOD(LibraryFixture, "those who were woken return true even if the event has been cleared since",
                 "[event]") {
  Event event;
  auto waiting = spawn([&] { return event.wait(); });
  settle();
  event.set();
  event.clear();
  const bool woken = waiting.get();
  CHECK(woken);
}

TEST_CASE_METHOD(LibraryFixture, "a deadline ends the wait for an event", "[event]") {
  Event event;
  const Deadline deadline = Deadline::in(3ms);
  const bool was_set = event.wait(deadline);
  CHECK_FALSE(was_set);
  CHECK(deadline.has_passed());
}

TEST_CASE_METHOD(LibraryFixture, "plain threads and greenlets set each other's events", "[event]") {
  Event ping, pong;
  std::thread thread([&] {
    for (int i = 0; i < 1000; ++i) {
      ping.wait();
      ping.clear();
      pong.set();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    ping.set();
    pong.wait();
    pong.clear();
  }
  thread.join();
}

TEST_CASE_METHOD(LibraryFixture, "set wakes all who wait, the oldest first, and runs nobody itself", "[event]") {
  Event event;
  std::string order;
  std::vector<Greenlet<void>> greenlets;
  for (const char name : {'a', 'b', 'c'}) {
    greenlets.push_back(spawn([&order, &event, name] {
      event.wait();
      order += name;
    }));
  }
  settle();
  event.set();
  CHECK(order.empty());
  joinall(greenlets);
  CHECK(order == "abc");
}

TEST_CASE_METHOD(LibraryFixture, "who is killed or times out while it waits for an event leaves it as it is",
                 "[event]") {
  Event event;
  auto killed = spawn([&] { event.wait(); });
  auto timed = spawn([&] {
    Timeout timeout(1ms);
    event.wait();
  });
  auto waiting = spawn([&] { return event.wait(); });
  settle();
  killed.kill();
  CHECK_THROWS_AS(killed.get(), GreenletExit);
  CHECK_THROWS_AS(timed.get(), Timeout);
  CHECK_FALSE(event.is_set());
  event.set();
  const bool was_set = waiting.get();
  CHECK(was_set);
}

TEST_CASE_METHOD(LibraryFixture, "who was woken by an event returns true, even if a kill or a deadline came, too",
                 "[event]") {
  Event event;
  bool killed_saw = false, late_saw = false, after = false;
  auto killed = spawn([&] {
    killed_saw = event.wait();
    sleep(0);
    after = true;
  });
  const Deadline deadline = Deadline::in(2ms);
  auto late = spawn([&] { late_saw = event.wait(deadline); });
  settle();
  event.set();
  event.clear();
  killed.kill(Deadline::now());
  while (!deadline.has_passed()) {
  }
  joinall({killed, late});
  CHECK(killed_saw);
  CHECK_FALSE(after);
  CHECK(late_saw);
}

TEST_CASE_METHOD(LibraryFixture, "a set that comes after the kill, but before the greenlet runs, is seen, too",
                 "[event]") {
  Event event;
  bool saw = false, after = false;
  auto killed = spawn([&] {
    saw = event.wait();
    sleep(0);
    after = true;
  });
  settle();
  killed.kill(Deadline::now());
  event.set();
  killed.join();
  CHECK(saw);
  CHECK_FALSE(after);
}
