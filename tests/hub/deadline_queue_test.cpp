#include "hub/core/deadline_queue.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/hub_fixture.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Wake;

TEST_CASE_METHOD(HubFixture, "sleepers wake in the order of their deadlines", "[deadline_queue]") {
  std::vector<int> lengths(200), woken;
  std::iota(lengths.begin(), lengths.end(), 0);
  std::shuffle(lengths.begin(), lengths.end(), std::mt19937(1));
  bool all_parked_in_time = false;
  for (auto lead = 2ms; !all_parked_in_time; lead *= 2) {  // more than once only if the machine is busy
    const auto start = Deadline::Clock::now() + lead;
    std::size_t parked = 0;
    woken.clear();
    for (const int length : lengths) {
      spawn([&, length] {
        ++parked;
        park_until(Deadline::at(start + length * 50us));
        woken.push_back(length);
      });
    }
    yield_until([&] { return parked == lengths.size(); });
    all_parked_in_time = Deadline::Clock::now() < start;
    join_all();
  }
  CHECK(woken.size() == 200);
  CHECK(std::is_sorted(woken.begin(), woken.end()));
}

TEST_CASE_METHOD(HubFixture, "equal deadlines wake all, in the order of parking", "[deadline_queue]") {
  std::vector<int> woken;
  const Deadline deadline = Deadline::in(5ms);
  for (int i = 0; i < 100; ++i) {
    spawn([&, i] {
      park_until(deadline);
      woken.push_back(i);
    });
  }
  join_all();
  CHECK(woken.size() == 100);
  CHECK(std::is_sorted(woken.begin(), woken.end()));
}

TEST_CASE_METHOD(HubFixture, "a deadline that has passed times out", "[deadline_queue]") {
  for (const Deadline past : {Deadline::now(), Deadline::in(-1ms), Deadline::at(Deadline::Clock::time_point(1ns))}) {
    const Wake wake = park_until(past);
    CHECK(wake == Wake::timed_out);
  }
}

TEST_CASE_METHOD(HubFixture, "a deadline before the machine's boot times out", "[deadline_queue]") {
  using Time = Deadline::Clock::time_point;
  for (const Time past : {Time{}, Time(-1ns), Time(-1h), Time::min()}) {
    const Wake wake = park_until(Deadline::at(past));
    CHECK(wake == Wake::timed_out);
  }
}

TEST_CASE_METHOD(HubFixture, "no sleep ends early", "[deadline_queue]") {
  int early = 0, sleeps = 0;
  for (unsigned i = 0; i < 50; ++i) {
    spawn([&, i] {
      std::mt19937 random(i);
      for (int k = 0; k < 10; ++k) {
        const Deadline deadline = Deadline::in(std::chrono::nanoseconds(random() % 3'000'000));
        const Wake wake = park_until(deadline);
        ++sleeps;
        early += deadline.has_passed() && wake == Wake::timed_out ? 0 : 1;
      }
    });
  }
  join_all();
  CHECK(sleeps == 500);
  CHECK(early == 0);
}

TEST_CASE_METHOD(HubFixture, "an earlier deadline that comes later is not held up by a far one", "[deadline_queue]") {
  core::HubGreenlet& far = spawn([] { park_until(Deadline::in(1h)); });
  core::yield();
  const Wake wake = park_until(Deadline::in(1ms));
  CHECK(wake == Wake::timed_out);
  wake_up(far);
  join_all();
}

TEST_CASE_METHOD(HubFixture, "a deadline that is not needed any more wakes nobody", "[deadline_queue]") {
  Wake first{}, second{};
  core::HubGreenlet& greenlet = spawn([&] {
    first = park_until(Deadline::in(1ms));
    second = park_until(Deadline::in(1h));
  });
  core::yield();
  wake_up(greenlet);
  sleep_for(5ms);
  const bool waits = greenlet.waits_for != nullptr;
  CHECK(waits);
  wake_up(greenlet);
  join_all();
  CHECK(first == Wake::woken);
  CHECK(second == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "deadlines come and go in any order", "[deadline_queue]") {
  std::mt19937 random(7);
  int timed_out = 0, woken = 0;
  std::vector<core::HubGreenlet*> parked(300);
  for (auto& slot : parked) {
    spawn([&, length = random() % 3000] {
      slot = core::current;
      const Wake wake = park_until(Deadline::in(std::chrono::microseconds(length)));
      slot = nullptr;
      ++(wake == Wake::timed_out ? timed_out : woken);
    });
  }
  for (int i = 0; i < 300; ++i) {
    core::yield();
    if (core::HubGreenlet* greenlet = parked[random() % parked.size()]) wake_up(*greenlet);
  }
  join_all();
  CHECK(timed_out + woken == 300);
}
