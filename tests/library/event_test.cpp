#include "evergreen/event.h"

#include <thread>

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
