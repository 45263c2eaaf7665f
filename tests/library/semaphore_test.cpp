// gevent.lock.Semaphore, BoundedSemaphore, DummySemaphore: what their documentation promises.
#include "evergreen/semaphore.h"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a semaphore counts down by acquire and up by release", "[semaphore]") {
  Semaphore semaphore(2), one;
  CHECK(one.counter() == 1);
  const bool first = semaphore.acquire(), second = semaphore.try_acquire(), third = semaphore.try_acquire();
  CHECK(first);
  CHECK(second);
  CHECK_FALSE(third);
  CHECK(semaphore.locked());
  CHECK_FALSE(semaphore.ready());
  semaphore.release();
  CHECK(semaphore.counter() == 1);
  CHECK_FALSE(semaphore.locked());
  CHECK(semaphore.ready());
  semaphore.release();
  semaphore.release();  // no bound
  CHECK(semaphore.counter() == 3);
}

TEST_CASE_METHOD(LibraryFixture, "released units go to those who wait, the oldest first", "[semaphore]") {
  Semaphore semaphore(0);
  std::string order;
  std::vector<Greenlet<void>> greenlets;
  for (const char name : {'a', 'b', 'c'}) {
    greenlets.push_back(spawn([&order, &semaphore, name] {
      semaphore.acquire();
      order += name;
    }));
  }
  settle();
  CHECK(order.empty());
  semaphore.release();
  semaphore.release();
  CHECK(order.empty());  // release never switches
  settle();
  CHECK(order == "ab");
  semaphore.release();
  joinall(greenlets);
  CHECK(order == "abc");
  CHECK(semaphore.counter() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "acquire returns false at its deadline, and has taken nothing", "[semaphore]") {
  Semaphore semaphore(0);
  const Deadline deadline = Deadline::in(3ms);
  const bool taken = semaphore.acquire(deadline);
  CHECK_FALSE(taken);
  CHECK(deadline.has_passed());
  semaphore.release();
  CHECK(semaphore.counter() == 1);
  const bool at_once = semaphore.acquire(Deadline::now());
  CHECK(at_once);
}

TEST_CASE_METHOD(LibraryFixture, "a unit that is handed over is its new owner's before that one runs", "[semaphore]") {
  Semaphore semaphore(0);
  auto waiting = spawn([&] { return semaphore.acquire(); });
  settle();
  semaphore.release();
  CHECK(semaphore.locked());
  const bool stolen = semaphore.try_acquire();
  CHECK_FALSE(stolen);
  const bool got = waiting.get();
  CHECK(got);
}

TEST_CASE_METHOD(LibraryFixture, "who releases and acquires in a loop starves nobody", "[semaphore]") {
  Semaphore semaphore;
  bool stop = false;
  int rounds = 0;
  auto greedy = spawn([&] {
    while (!stop) {
      const std::lock_guard guard(semaphore);
      ++rounds;
      sleep(0);
    }
  });
  settle();
  const int before = rounds;
  semaphore.acquire();
  CHECK(rounds <= before + 1);
  stop = true;
  semaphore.release();
  greedy.join();
}

TEST_CASE_METHOD(LibraryFixture, "the standard library's guards take and give back units", "[semaphore]") {
  Semaphore a(1), b(2);
  {
    const std::scoped_lock guard(a, b);
    CHECK(a.counter() == 0);
    CHECK(b.counter() == 1);
  }
  try {
    const std::lock_guard guard(a);
    throw std::runtime_error("on its way");
  } catch (const std::runtime_error&) {
  }
  CHECK(a.counter() == 1);
  const std::unique_lock held(a);
  std::unique_lock late(a, 2ms);
  CHECK_FALSE(late.owns_lock());
  std::unique_lock until(a, std::chrono::system_clock::now() + 2ms);
  CHECK_FALSE(until.owns_lock());
}

TEST_CASE_METHOD(LibraryFixture, "a bounded semaphore refuses what it has not given", "[semaphore]") {
  BoundedSemaphore semaphore(2);
  CHECK_THROWS_AS(semaphore.release(), std::logic_error);
  CHECK(semaphore.counter() == 2);
  semaphore.acquire();
  semaphore.release();
  CHECK_THROWS_AS(semaphore.release(), std::logic_error);
  CHECK(semaphore.counter() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a dummy semaphore makes nobody wait", "[semaphore]") {
  DummySemaphore semaphore(1);
  for (int i = 0; i < 3; ++i) {
    const bool taken = semaphore.acquire();
    CHECK(taken);
    const std::lock_guard guard(semaphore);
  }
  CHECK_FALSE(semaphore.locked());
  CHECK(semaphore.ready());
  const std::size_t free = semaphore.wait();
  CHECK(free == 1);
  semaphore.release();
}

TEST_CASE_METHOD(LibraryFixture, "who is killed or times out while it waits takes nothing, and the next one gets it",
                 "[semaphore]") {
  Semaphore semaphore(0);
  auto killed = spawn([&] { return semaphore.acquire(); });
  auto timed = spawn([&] {
    Timeout timeout(1ms);
    return semaphore.acquire();
  });
  auto next = spawn([&] { return semaphore.acquire(); });
  settle();
  killed.kill();
  CHECK_THROWS_AS(killed.get(), GreenletExit);
  CHECK_THROWS_AS(timed.get(), Timeout);
  semaphore.release();
  const bool got = next.get();
  CHECK(got);
  CHECK(semaphore.counter() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "who was given a unit has it, even if a kill or a deadline came, too", "[semaphore]") {
  Semaphore semaphore(0);
  bool killed_has = false, late_has = false, after = false;
  auto killed = spawn([&] {
    const std::lock_guard guard(semaphore);  // so it gives it back when the kill comes
    killed_has = true;
    sleep(0);
    after = true;
  });
  const Deadline deadline = Deadline::in(2ms);
  auto late = spawn([&] { late_has = semaphore.acquire(deadline); });
  auto timed = spawn([&] {
    Timeout timeout(deadline);
    const std::lock_guard guard(semaphore);
    sleep(0);
  });
  settle();
  for (int i = 0; i < 3; ++i) semaphore.release();
  killed.kill(Deadline::now());
  while (!deadline.has_passed()) {
  }
  joinall({killed, late});
  CHECK_THROWS_AS(timed.get(), Timeout);
  CHECK(killed_has);
  CHECK_FALSE(after);
  CHECK(late_has);
  CHECK(semaphore.counter() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "wait takes nothing, and returns how many units are free", "[semaphore]") {
  Semaphore semaphore(0);
  const std::size_t none = semaphore.wait(1ms);
  CHECK(none == 0);
  auto a = spawn([&] { return semaphore.wait(); });
  auto b = spawn([&] { return semaphore.wait(); });
  settle();
  semaphore.release();
  const std::size_t seen_by_a = a.get(), seen_by_b = b.get(), now = semaphore.wait();
  CHECK(seen_by_a == 1);
  CHECK(seen_by_b == 1);
  CHECK(now == 1);
}

TEST_CASE_METHOD(LibraryFixture, "wait does not hear of a unit that is handed to who acquires", "[semaphore]") {
  Semaphore semaphore(0);
  auto observer = spawn([&] { return semaphore.wait(); });
  auto taker = spawn([&] { return semaphore.acquire(); });
  settle();
  semaphore.release();
  taker.join();
  settle();
  CHECK_FALSE(observer.dead());
  semaphore.release();
  const std::size_t seen = observer.get();
  CHECK(seen == 1);
}

TEST_CASE_METHOD(LibraryFixture, "greenlets and plain threads exclude each other", "[semaphore]") {
  Semaphore semaphore(2);
  std::atomic<int> inside{0}, most{0};
  int done = 0;
  std::mutex done_mutex;
  const auto work = [&] {
    for (int i = 0; i < 300; ++i) {
      const std::lock_guard guard(semaphore);
      const int now = ++inside;
      if (now > most) most = now;
      if (i % 10 == 0) sleep(0);
      --inside;
    }
    const std::lock_guard guard(done_mutex);
    ++done;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  std::vector<Greenlet<void>> greenlets;
  for (int i = 0; i < 3; ++i) greenlets.push_back(spawn(work));
  joinall(greenlets);
  for (auto& thread : threads) thread.join();
  CHECK(done == 6);
  CHECK(most <= 2);
  CHECK(semaphore.counter() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "no unit is lost or made between deadlines, timeouts, kills and releases",
                 "[semaphore]") {
  BoundedSemaphore semaphore(1);
  std::atomic<bool> stop{false};
  const auto with_deadlines = [&](int seed) {
    for (unsigned i = static_cast<unsigned>(seed); !stop; i = i * 1103515245 + 12345) {
      const std::chrono::microseconds length((i >> 16) % 50);
      if (semaphore.acquire(length)) semaphore.release();
      try {
        Timeout timeout(length);
        const std::lock_guard guard(semaphore);
        sleep(0);
      } catch (const Timeout&) {
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i <= 2; ++i) threads.emplace_back(with_deadlines, i);
  auto greenlet = spawn(with_deadlines, 3);
  for (int i = 0; i < 500; ++i) {
    auto victim = spawn([&] {
      for (;;) {
        const std::lock_guard guard(semaphore);
        sleep(0);
      }
    });
    for (int k = 0; k < i % 4; ++k) sleep(0);
    victim.kill();
  }
  stop = true;
  greenlet.get();
  for (auto& thread : threads) thread.join();
  CHECK(semaphore.counter() == 1);
}
