// threading.Condition: what its documentation promises.
#include "evergreen/condition.h"

#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// Says whether the lock is held while the stack is unwound.
struct LooksAtLock {
  ~LooksAtLock() { was_locked = lock.locked(); }
  Lock& lock;
  bool& was_locked;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "wait releases the lock, and takes it again when it is notified", "[condition]") {
  Lock lock;
  Condition condition;
  bool notified = false, held = false;
  auto waiting = spawn([&] {
    std::unique_lock guard(lock);
    notified = condition.wait(guard);
    held = lock.locked();
  });
  settle();
  CHECK_FALSE(lock.locked());
  lock.lock();
  condition.notify_one();
  settle();
  CHECK_FALSE(waiting.dead());  // we hold the lock
  lock.unlock();
  waiting.get();
  CHECK(notified);
  CHECK(held);
  CHECK_FALSE(lock.locked());
}

TEST_CASE_METHOD(LibraryFixture, "notify_one wakes the oldest, notify_all all, and nobody's notification is kept",
                 "[condition]") {
  Lock lock;
  Condition condition;
  std::string order;
  condition.notify_one();
  condition.notify_all();
  std::vector<Greenlet<void>> greenlets;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    greenlets.push_back(spawn([&, name] {
      const std::lock_guard guard(lock);
      condition.wait(lock);
      order += name;
    }));
  }
  settle();
  CHECK(order.empty());
  condition.notify_one();
  settle();
  CHECK(order == "a");
  condition.notify_one();
  condition.notify_one();
  settle();
  CHECK(order == "abc");
  condition.notify_all();
  joinall(greenlets);
  CHECK(order == "abcd");
}

TEST_CASE_METHOD(LibraryFixture, "at its deadline wait returns false, and holds the lock", "[condition]") {
  Lock lock;
  Condition condition;
  std::unique_lock guard(lock);
  const Deadline deadline = Deadline::in(3ms);
  const bool notified = condition.wait(guard, deadline);
  CHECK_FALSE(notified);
  CHECK(deadline.has_passed());
  CHECK(lock.locked());
  CHECK(guard.owns_lock());
  condition.notify_one();  // reaches nobody
  const bool again = condition.wait(guard, Deadline::now());
  CHECK_FALSE(again);
}

TEST_CASE_METHOD(LibraryFixture, "wait for a predicate asks it under the lock, first and after each notification",
                 "[condition]") {
  Lock lock;
  Condition condition;
  int value = 0, asked = 0;
  bool always_locked = true;
  auto waiting = spawn([&] {
    std::unique_lock guard(lock);
    return condition.wait(guard, [&] {
      ++asked;
      always_locked &= lock.locked();
      return value == 2;
    });
  });
  settle();
  CHECK(asked == 1);
  for (value = 1; value <= 2; ++value) {
    condition.notify_all();
    settle();
    if (value == 2) break;
  }
  const bool holds = waiting.get();
  CHECK(holds);
  CHECK(asked == 3);
  CHECK(always_locked);
  std::unique_lock guard(lock);
  const bool never = condition.wait(
      guard, [] { return false; }, 2ms);
  CHECK_FALSE(never);
  const bool at_once = condition.wait(
      guard, [] { return true; }, Deadline::now());
  CHECK(at_once);
}

TEST_CASE_METHOD(LibraryFixture, "the lock is held again when a kill or a timeout ends the wait", "[condition]") {
  Lock lock;
  Condition condition;
  bool killed_held = false, timed_held = false;
  auto killed = spawn([&] {
    const std::lock_guard guard(lock);
    const LooksAtLock looks{lock, killed_held};
    condition.wait(lock);
  });
  auto timed = spawn([&] {
    const std::lock_guard guard(lock);
    const LooksAtLock looks{lock, timed_held};
    Timeout timeout(3ms);
    condition.wait(lock);
  });
  settle();
  lock.lock();
  killed.kill(Deadline::now());
  settle();
  CHECK_FALSE(killed.dead());  // not without the lock, whatever comes
  killed.kill(Deadline::now());
  settle();
  CHECK_FALSE(killed.dead());
  lock.unlock();
  killed.join();
  CHECK(killed_held);
  CHECK_THROWS_AS(timed.get(), Timeout);
  CHECK(timed_held);
  CHECK_FALSE(lock.locked());
}

TEST_CASE_METHOD(LibraryFixture, "who was notified returns so, even if a kill or a deadline came, too", "[condition]") {
  Lock lock;
  Condition condition;
  bool killed_notified = false, late_notified = false, after = false;
  auto killed = spawn([&] {
    const std::lock_guard guard(lock);
    killed_notified = condition.wait(lock);
    sleep(0);
    after = true;
  });
  const Deadline deadline = Deadline::in(2ms);
  auto late = spawn([&] {
    const std::lock_guard guard(lock);
    late_notified = condition.wait(lock, deadline);
  });
  settle();
  condition.notify_all();
  killed.kill(Deadline::now());
  while (!deadline.has_passed()) {
  }
  joinall({killed, late});
  CHECK(killed_notified);
  CHECK_FALSE(after);
  CHECK(late_notified);
}

TEST_CASE_METHOD(LibraryFixture, "a notification is not lost on one who has been killed before", "[condition]") {
  Lock lock;
  Condition condition;
  auto killed = spawn([&] {
    const std::lock_guard guard(lock);
    condition.wait(lock);
  });
  auto next = spawn([&] {
    const std::lock_guard guard(lock);
    return condition.wait(lock);
  });
  settle();
  killed.kill(Deadline::now());  // it is ready to die, but has not run yet
  condition.notify_one();
  condition.notify_one();
  const bool notified = next.get();
  CHECK(notified);
  killed.join();
}

TEST_CASE_METHOD(LibraryFixture, "wait releases an rlock whole, and takes it as often again", "[condition]") {
  RLock lock;
  Condition condition;
  lock.lock();
  std::unique_lock guard(lock);
  auto notifier = spawn([&] {
    const std::lock_guard inside(lock);
    condition.notify_one();
  });
  const bool notified = condition.wait(guard, 30s);
  CHECK(notified);
  CHECK(lock.is_owned());
  guard.unlock();
  CHECK(lock.is_owned());
  lock.unlock();
  CHECK_FALSE(lock.locked());
  notifier.join();
}

TEST_CASE_METHOD(LibraryFixture, "wait with a lock that is not held is refused, and leaves nobody behind",
                 "[condition]") {
  Lock lock;
  RLock rlock;
  Condition condition;
  CHECK_THROWS_AS(condition.wait(lock), std::logic_error);
  CHECK_THROWS_AS(condition.wait(rlock), std::logic_error);
  auto waiting = spawn([&] {
    const std::lock_guard guard(lock);
    return condition.wait(lock);
  });
  settle();
  condition.notify_one();
  const bool notified = waiting.get();
  CHECK(notified);
}

TEST_CASE_METHOD(LibraryFixture, "plain threads use it with their own mutexes", "[condition]") {
  std::mutex mutex;
  Condition condition;
  bool ready = false, seen = false;
  std::thread thread([&] {
    std::unique_lock guard(mutex);
    seen = condition.wait(guard, [&] { return ready; });
  });
  {
    const std::lock_guard guard(mutex);
    ready = true;
  }
  condition.notify_one();
  thread.join();
  CHECK(seen);
}

TEST_CASE_METHOD(LibraryFixture, "no notification is missed between greenlets and plain threads", "[condition]") {
  Lock lock;
  Condition changed;
  std::deque<int> items;
  long sum = 0;
  int taken = 0;
  constexpr int each = 500;
  const auto produce = [&] {
    for (int i = 1; i <= each; ++i) {
      const std::lock_guard guard(lock);
      items.push_back(i);
      changed.notify_one();
    }
  };
  const auto consume = [&](std::chrono::microseconds patience) {
    for (;;) {
      std::unique_lock guard(lock);
      while (items.empty() && taken < 2 * each) {
        patience.count() == 0 ? changed.wait(guard) : changed.wait(guard, patience);
      }
      if (items.empty()) return changed.notify_all();
      sum += items.front();
      items.pop_front();
      if (++taken == 2 * each) changed.notify_all();
    }
  };
  std::thread producer(produce), consumer(consume, 0us), impatient(consume, 20us);
  auto a = spawn(produce), b = spawn(consume, 0us), c = spawn(consume, 20us);
  joinall({a, b, c});
  producer.join();
  consumer.join();
  impatient.join();
  CHECK(sum == 2L * each * (each + 1) / 2);
}
