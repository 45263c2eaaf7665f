// gevent.Timeout: what its documentation promises.
#include "evergreen/timeout.h"

#include <stdexcept>
#include <string>
#include <thread>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a timeout is thrown into whatever its scope waits for", "[timeout]") {
  bool thrown = false;
  const Deadline deadline = Deadline::in(3ms);
  try {
    Timeout timeout(deadline);
    sleep(1h);
  } catch (const Timeout& passed) {
    thrown = true;
    CHECK(passed.deadline() == deadline);
    CHECK_FALSE(passed.pending());
  }
  CHECK(thrown);
  CHECK(deadline.has_passed());
  sleep(1ms);  // it is gone
}

TEST_CASE_METHOD(LibraryFixture, "a scope that is left in time throws nothing later", "[timeout]") {
  {
    Timeout timeout(1ms);
    CHECK(timeout.pending());
  }
  sleep(3ms);
  Timeout timeout(1ms);
  timeout.cancel();
  CHECK_FALSE(timeout.pending());
  sleep(3ms);
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet that does not wait is not interrupted", "[timeout]") {
  Event set;
  set.set();
  Timeout timeout(1ms);
  while (!timeout.deadline().has_passed()) {
  }
  const bool was_set = set.wait();
  CHECK(was_set);
  CHECK_THROWS_AS(sleep(0), Timeout);
}

TEST_CASE_METHOD(LibraryFixture, "of nested timeouts the one that passes first is thrown, through the other's scope",
                 "[timeout]") {
  std::string caught;
  Timeout outer(3ms);
  try {
    Timeout inner(1h);
    try {
      sleep(1h);
    } catch (const Timeout& passed) {
      caught += passed.is(inner) ? "inner" : passed.is(outer) ? "outer" : "none";
      throw;
    }
  } catch (const Timeout& passed) {
    caught += passed.is(outer) ? " outer" : " none";
  }
  CHECK(caught == "outer outer");
  CHECK_FALSE(outer.pending());
  Timeout far(1h);
  Timeout near(1ms);
  bool is_near = false;
  try {
    sleep(1h);
  } catch (const Timeout& passed) {
    is_near = passed.is(near);
  }
  CHECK(is_near);
  CHECK(far.pending());
}

TEST_CASE_METHOD(LibraryFixture, "a timeout throws what it is given", "[timeout]") {
  const auto late = [] {
    Timeout timeout(1ms, std::runtime_error("late"));
    sleep(1h);
  };
  CHECK_THROWS_AS(late(), std::runtime_error);
}

TEST_CASE_METHOD(LibraryFixture, "with_timeout returns the result, the fallback, or throws", "[timeout]") {
  const auto slow = [] {
    sleep(1h);
    return std::string("slow");
  };
  const std::string in_time = with_timeout(
      1h, [] { return std::string("quick"); }, "late");
  const std::string late = with_timeout(1ms, slow, "late");
  CHECK(in_time == "quick");
  CHECK(late == "late");
  CHECK_THROWS_AS(with_timeout(1ms, slow), Timeout);
  bool is_outer = false;
  Timeout outer(1ms);
  try {
    with_timeout(1h, slow, "late");
  } catch (const Timeout& passed) {
    is_outer = passed.is(outer);
  }
  CHECK(is_outer);
}

TEST_CASE_METHOD(LibraryFixture, "a timeout is its greenlet's: others wait on", "[timeout]") {
  auto other = spawn([] {
    sleep(5ms);
    return 1;
  });
  bool thrown = false;
  try {
    Timeout timeout(1ms);
    other.get();
  } catch (const Timeout&) {
    thrown = true;
  }
  CHECK(thrown);
  const int result = other.get();
  CHECK(result == 1);
}

TEST_CASE_METHOD(LibraryFixture, "a plain thread has timeouts, too", "[timeout]") {
  bool thrown = false;
  Event never;
  std::thread([&] {
    try {
      Timeout timeout(1ms);
      never.wait();
    } catch (const Timeout&) {
      thrown = true;
    }
  }).join();
  CHECK(thrown);
}

TEST_CASE_METHOD(LibraryFixture, "of a timeout and a result that come at once, one wins and nothing is lost",
                 "[timeout]") {
  int results = 0, timeouts = 0;
  for (int i = 0; i < 2000; ++i) {
    Event event;
    std::thread setter([&] { event.set(); });
    try {
      Timeout timeout(std::chrono::microseconds(i % 100));
      results += event.wait() ? 1 : 0;
    } catch (const Timeout&) {
      ++timeouts;
    }
    const bool kept = event.wait();  // whoever came too late has set it all the same
    if (!kept) --results;
    setter.join();
  }
  CHECK(results + timeouts == 2000);
}
