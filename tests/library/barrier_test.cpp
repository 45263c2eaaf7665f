// threading.Barrier: what its documentation promises.
#include "evergreen/barrier.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "all go on when the last has come, each with a number of its own", "[barrier]") {
  Barrier barrier(3);
  CHECK(barrier.parties() == 3);
  auto a = spawn([&] { return barrier.wait(); });
  auto b = spawn([&] { return barrier.wait(); });
  settle();
  CHECK(barrier.n_waiting() == 2);
  CHECK_FALSE(a.dead());
  std::vector<std::size_t> numbers{barrier.wait()};
  numbers.push_back(a.get());
  numbers.push_back(b.get());
  std::ranges::sort(numbers);
  CHECK(numbers == std::vector<std::size_t>{0, 1, 2});
  CHECK(barrier.n_waiting() == 0);
  CHECK_FALSE(barrier.broken());
}

TEST_CASE_METHOD(LibraryFixture, "a barrier is used again, round by round", "[barrier]") {
  Barrier barrier(3);
  int steps[3] = {};
  bool apart = false;
  const auto walk = [&](int& mine) {
    for (int i = 0; i < 100; ++i) {
      ++mine;
      barrier.wait();
      for (const int step : steps) apart |= std::abs(step - mine) > 1;
    }
  };
  std::vector<Greenlet<void>> greenlets;
  for (int& step : steps) greenlets.push_back(spawn(walk, std::ref(step)));
  joinall(greenlets, Deadline::never(), true);
  CHECK_FALSE(apart);
  CHECK(steps[0] == 100);
}

TEST_CASE_METHOD(LibraryFixture, "the last to come calls the action before the others go on", "[barrier]") {
  std::string order;
  Barrier barrier(2, [&] {
    sleep(0);
    order += "action ";
  });
  auto first = spawn([&] {
    barrier.wait();
    order += "first";
  });
  settle();
  barrier.wait();
  first.join();
  CHECK(order == "action first");
}

TEST_CASE_METHOD(LibraryFixture, "an action that throws breaks the barrier", "[barrier]") {
  Barrier barrier(2, [] { throw std::domain_error("no"); });
  auto first = spawn([&] { barrier.wait(); });
  settle();
  CHECK_THROWS_AS(barrier.wait(), std::domain_error);
  CHECK_THROWS_AS(first.get(), BrokenBarrierError);
  CHECK(barrier.broken());
}

TEST_CASE_METHOD(LibraryFixture, "a deadline that passes breaks the barrier for all, until reset", "[barrier]") {
  Barrier barrier(3);
  auto patient = spawn([&] { barrier.wait(); });
  settle();
  CHECK_THROWS_AS(barrier.wait(2ms), BrokenBarrierError);
  CHECK_THROWS_AS(patient.get(), BrokenBarrierError);
  CHECK(barrier.broken());
  CHECK(barrier.n_waiting() == 0);
  CHECK_THROWS_AS(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  CHECK_FALSE(barrier.broken());
  auto a = spawn([&] { barrier.wait(); });
  auto b = spawn([&] { barrier.wait(); });
  barrier.wait();
  joinall({a, b});
  CHECK(a.successful());
  CHECK(b.successful());
}

TEST_CASE_METHOD(LibraryFixture, "abort breaks the barrier, reset makes it as new, and both let go who waits",
                 "[barrier]") {
  Barrier barrier(2);
  auto aborted = spawn([&] { barrier.wait(); });
  settle();
  barrier.abort();
  CHECK(barrier.broken());
  CHECK_THROWS_AS(aborted.get(), BrokenBarrierError);
  barrier.reset();
  CHECK_FALSE(barrier.broken());
  auto reset = spawn([&] { barrier.wait(); });
  settle();
  barrier.reset();
  auto next = spawn([&] { barrier.wait(); });
  CHECK_THROWS_AS(reset.get(), BrokenBarrierError);
  CHECK_FALSE(barrier.broken());
  barrier.wait();
  next.get();
}

TEST_CASE_METHOD(LibraryFixture, "who is killed or times out has not come, and breaks nothing", "[barrier]") {
  Barrier barrier(2);
  auto killed = spawn([&] { barrier.wait(); });
  settle();
  killed.kill();
  CHECK(barrier.n_waiting() == 0);
  CHECK_FALSE(barrier.broken());
  bool thrown = false;
  try {
    Timeout timeout(1ms);
    barrier.wait();
  } catch (const Timeout&) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK_FALSE(barrier.broken());
  auto other = spawn([&] { barrier.wait(); });
  barrier.wait();
  other.get();
}

TEST_CASE_METHOD(LibraryFixture, "a kill that comes when all have come is thrown at the next wait", "[barrier]") {
  Barrier barrier(2);
  bool through = false, after = false;
  auto killed = spawn([&] {
    barrier.wait();
    through = true;
    sleep(0);
    after = true;
  });
  settle();
  barrier.wait();
  killed.kill();
  CHECK(through);
  CHECK_FALSE(after);
}

TEST_CASE_METHOD(LibraryFixture, "a barrier of nobody is refused, and one for a single one makes nobody wait",
                 "[barrier]") {
  CHECK_THROWS_AS(Barrier(0), std::invalid_argument);
  Barrier barrier(1);
  const std::size_t number = barrier.wait(Deadline::now());
  CHECK(number == 0);
}

TEST_CASE_METHOD(LibraryFixture, "greenlets and plain threads wait for each other at a barrier", "[barrier]") {
  Barrier barrier(3);
  const auto walk = [&] {
    std::size_t sum = 0;
    for (int i = 0; i < 300; ++i) sum += barrier.wait();
    return sum;
  };
  std::size_t from_thread = 0;
  std::thread thread([&] { from_thread = walk(); });
  auto a = spawn(walk), b = spawn(walk);
  const std::size_t all = a.get() + b.get();
  thread.join();
  CHECK(all + from_thread == 900);
}
