// gevent.wait, iwait: between kernel threads.
#include <deque>
#include <memory>
#include <thread>

#include "evergreen/wait.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "plain threads wait for greenlets, and greenlets for what plain threads do",
                 "[wait]") {
  for (int round = 0; round < 300; ++round) {
    auto events = std::make_unique<std::deque<Event>>(4);
    std::size_t seen_by_thread = 0;
    std::thread setter([&] {
      for (Event& event : *events) event.set();
    });
    std::thread waiter([&] { seen_by_thread = wait(*events).size(); });
    auto greenlet = spawn([] { return 1; });
    std::size_t seen = 0;
    for ([[maybe_unused]] auto& event : iwait(*events)) ++seen;
    wait({greenlet});
    waiter.join();
    setter.join();
    events.reset();
    if (seen != 4 || seen_by_thread != 4) FAIL("round " << round << ": " << seen << ", " << seen_by_thread);
  }
}

TEST_CASE_METHOD(LibraryFixture, "an event may be destroyed as soon as it has been given, whoever sets it", "[wait]") {
  for (int round = 0; round < 1000; ++round) {
    auto event = std::make_unique<Event>();
    const AsyncResult<void> stays;
    std::thread setter([&event = *event, stays] {
      event.set();
      stays.set();
    });
    for (const auto& object : iwait({*event, stays})) {
      if (object == stays) continue;
      event.reset();
    }
    setter.join();
  }
}

TEST_CASE_METHOD(LibraryFixture, "of a deadline and a wake-up that come at once, one wins and nothing is lost",
                 "[wait]") {
  int seen = 0, late = 0;
  for (int i = 0; i < 1000; ++i) {
    Event event;
    std::thread setter([&] { event.set(); });
    if (wait({event}, std::chrono::microseconds(i % 100)).empty()) {
      ++late;
      const bool set = event.wait();
      if (!set) --late;
    } else {
      ++seen;
    }
    setter.join();
  }
  CHECK(seen + late == 1000);
}
