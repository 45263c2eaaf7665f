// gevent.wait, iwait: what their documentation promises.
#include "evergreen/wait.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

Greenlet<int> after(std::chrono::milliseconds length, int result) {
  return spawn([=] {
    sleep(length);
    return result;
  });
}

template <class Handles>
std::vector<int> results_of(const Handles& handles) {
  std::vector<int> results;
  for (const auto& handle : handles) results.push_back(handle.get());
  return results;
}

static_assert(std::ranges::input_range<WaitRange<AnyWaitable>>);
static_assert(std::same_as<Waited<std::vector<Greenlet<int>>&>, Greenlet<int>>);
static_assert(std::same_as<Waited<std::deque<Event>&>, std::reference_wrapper<Event>>);

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "wait returns the objects in the order in which they became ready", "[wait]") {
  const std::vector<Greenlet<int>> greenlets{after(6ms, 3), after(2ms, 1), after(4ms, 2)};
  const std::vector<int> results = results_of(wait(greenlets));
  CHECK(results == std::vector<int>{1, 2, 3});
}

TEST_CASE_METHOD(LibraryFixture, "those that are ready already come first, in the order of the list", "[wait]") {
  const std::vector<Greenlet<int>> greenlets{after(2ms, 1), spawn([] { return 2; }), spawn([] { return 3; })};
  settle();
  const std::vector<int> results = results_of(wait(greenlets));
  CHECK(results == std::vector<int>{2, 3, 1});
}

TEST_CASE_METHOD(LibraryFixture, "wait for a count returns when so many are ready", "[wait]") {
  const std::vector<Greenlet<int>> greenlets{after(1h, 1), after(2ms, 2), after(1ms, 3)};
  const std::vector<int> two = results_of(wait(greenlets, Deadline::never(), 2));
  CHECK(two == std::vector<int>{3, 2});
  const auto none = wait(greenlets, Deadline::never(), 0);
  CHECK(none.empty());
  killall(greenlets);
  const auto at_most_all = wait(greenlets, Deadline::never(), 7);
  CHECK(at_most_all.size() == 3);
}

TEST_CASE_METHOD(LibraryFixture, "wait returns what is ready when its deadline passes", "[wait]") {
  const std::vector<Greenlet<int>> greenlets{after(1h, 1), spawn([] { return 2; })};
  const Deadline deadline = Deadline::in(3ms);
  const auto ready = wait(greenlets, deadline);
  CHECK(deadline.has_passed());
  CHECK(ready == std::vector<Greenlet<int>>{greenlets[1]});
  const auto again = wait(greenlets, Deadline::now());
  CHECK(again == ready);
  killall(greenlets);
}

TEST_CASE_METHOD(LibraryFixture, "wait for nothing returns nothing", "[wait]") {
  const auto ready = wait(std::vector<AnyGreenlet>());
  CHECK(ready.empty());
}

TEST_CASE_METHOD(LibraryFixture, "wait takes a mix of greenlets, events, results, semaphores and locks", "[wait]") {
  Event event;
  Semaphore semaphore(0);
  Lock lock;
  lock.lock();
  const AsyncResult<std::string> result;
  auto greenlet = spawn([&] {
    event.set();
    sleep(0);
    lock.unlock();
    sleep(0);
    semaphore.release();
    sleep(0);
    result.set("x");
    sleep(0);
  });
  const auto ready = wait({greenlet, event, result, semaphore, lock});
  REQUIRE(ready.size() == 5);
  CHECK(ready[0] == event);
  CHECK(ready[1] == lock);
  CHECK(ready[2] == semaphore);
  CHECK(ready[3] == result);
  CHECK(ready[4] == greenlet);
  CHECK(semaphore.counter() == 1);  // nothing is taken
  CHECK_FALSE(lock.locked());
}

TEST_CASE_METHOD(LibraryFixture, "what cannot be copied is given by reference, and any range will do", "[wait]") {
  std::deque<Event> events(3);
  events[1].set();
  const auto ready = wait(events, Deadline::now());
  REQUIRE(ready.size() == 1);
  CHECK(&ready[0].get() == &events[1]);
  const std::vector<std::reference_wrapper<Event>> references(events.begin(), events.end());
  const auto given = wait(references, Deadline::now());
  REQUIRE(given.size() == 1);
  CHECK(&given[0].get() == &events[1]);
}

TEST_CASE_METHOD(LibraryFixture, "an object that stands in the list twice is given twice", "[wait]") {
  Event event;
  auto setter = spawn([&] { event.set(); });
  const auto ready = wait({event, event});
  CHECK(ready.size() == 2);
  setter.join();
}

TEST_CASE_METHOD(LibraryFixture, "an object that is ready no more when the waiter runs is given all the same",
                 "[wait]") {
  Event event;
  Semaphore semaphore(0);
  auto waiting = spawn([&] { return wait({event, semaphore}).size(); });
  settle();
  event.set();
  event.clear();
  semaphore.release();
  const bool taken = semaphore.try_acquire();
  CHECK(taken);
  const std::size_t ready = waiting.get();
  CHECK(ready == 2);
}

TEST_CASE_METHOD(LibraryFixture, "who waits for one object keeps nobody from taking it", "[wait]") {
  Semaphore semaphore(0);
  auto observer = spawn([&] { return wait({semaphore}, 5ms).size(); });
  auto taker = spawn([&] { return semaphore.acquire(); });
  auto second = spawn([&] { return semaphore.acquire(); });
  settle();
  semaphore.release();
  semaphore.release();
  joinall({taker, second});
  const std::size_t seen = observer.get();
  CHECK(seen == 0);
}

TEST_CASE_METHOD(LibraryFixture, "iwait gives each object as soon as it is ready, others run in between", "[wait]") {
  Event a, b;
  std::string order;
  auto setter = spawn([&] {
    a.set();
    sleep(2ms);
    order += "set ";
    b.set();
  });
  for (const auto& object : iwait({b, a})) order += object == a ? "a " : "b ";
  CHECK(order == "a set b ");
  setter.join();
}

TEST_CASE_METHOD(LibraryFixture, "iwait may be left early, and its greenlets go on", "[wait]") {
  std::vector<Greenlet<int>> greenlets{after(4ms, 1), after(1ms, 2)};
  int first = 0;
  for (auto& greenlet : iwait(greenlets)) {
    first = greenlet.get();
    break;
  }
  CHECK(first == 2);
  const int other = greenlets[0].get();
  CHECK(other == 1);
}

TEST_CASE_METHOD(LibraryFixture, "iwait ends at its deadline, and when its count is reached", "[wait]") {
  Event a, b, never;
  a.set();
  b.set();
  int given = 0;
  for ([[maybe_unused]] auto& object : iwait({never, a, b}, 2ms)) ++given;
  CHECK(given == 2);
  for ([[maybe_unused]] auto& object : iwait({never, a, b}, Deadline::never(), 1)) ++given;
  CHECK(given == 3);
}

TEST_CASE_METHOD(LibraryFixture, "an object that was given may be destroyed while the wait goes on", "[wait]") {
  auto first = std::make_unique<Event>();
  Event second;
  auto setter = spawn([&] {
    first->set();
    sleep(0);
    second.set();
  });
  int given = 0;
  for (const auto& object : iwait({*first, second})) {
    if (++given == 1) {
      CHECK(object == *first);
      first.reset();
    }
  }
  CHECK(given == 2);
  setter.join();
}

TEST_CASE_METHOD(LibraryFixture, "a wait that is killed or times out leaves nobody in any list", "[wait]") {
  Event a;
  Semaphore b(0);
  auto killed = spawn([&] { wait({a, b}); });
  auto timed = spawn([&] {
    Timeout timeout(1ms);
    wait({b, a});
  });
  settle();
  killed.kill();
  CHECK_THROWS_AS(timed.get(), Timeout);
  a.set();
  b.release();
  CHECK(b.counter() == 1);
}  // their destructors abort if somebody is in a list

TEST_CASE_METHOD(LibraryFixture, "who was woken returns the object, even if a kill or a deadline came, too", "[wait]") {
  Event event;
  std::size_t killed_saw = 0, late_saw = 0;
  bool after_kill = false;
  auto killed = spawn([&] {
    killed_saw = wait({event}).size();
    sleep(0);
    after_kill = true;
  });
  const Deadline deadline = Deadline::in(2ms);
  auto late = spawn([&] { late_saw = wait({event}, deadline).size(); });
  settle();
  event.set();
  killed.kill(Deadline::now());
  while (!deadline.has_passed()) {
  }
  joinall({killed, late});
  CHECK(killed_saw == 1);
  CHECK_FALSE(after_kill);
  CHECK(late_saw == 1);
}

TEST_CASE_METHOD(LibraryFixture, "the first result wins, the rest is cancelled and cleaned up", "[wait]") {
  int cleaned = 0;
  struct Cleans {
    ~Cleans() { ++count; }
    int& count;
  };
  std::vector<Greenlet<int>> requests;
  for (const int length : {50'000, 1, 60'000}) {
    requests.push_back(spawn([&cleaned, length] {
      const Cleans cleans{cleaned};
      sleep(std::chrono::milliseconds(length));
      return length;
    }));
  }

  auto done = wait(requests, 5s, 1);
  killall(requests);
  const int first = done.at(0).get();

  CHECK(first == 1);
  CHECK(cleaned == 3);
}
