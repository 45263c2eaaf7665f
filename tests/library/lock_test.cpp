// threading.Lock as gevent patches it, gevent.lock.RLock: what their documentation promises.
#include "evergreen/lock.h"

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a lock is one greenlet's at a time, the oldest waiter's next", "[lock]") {
  Lock lock;
  std::string order;
  std::vector<Greenlet<void>> greenlets;
  for (const char name : {'a', 'b', 'c'}) {
    greenlets.push_back(spawn([&order, &lock, name] {
      const std::lock_guard guard(lock);
      order += name;
      sleep(0);
      order += name;
    }));
  }
  sleep(0);
  CHECK(lock.locked());
  const bool taken = lock.try_lock();
  CHECK_FALSE(taken);
  joinall(greenlets);
  CHECK(order == "aabbcc");
  CHECK_FALSE(lock.locked());
}

TEST_CASE_METHOD(LibraryFixture, "a lock may be unlocked by another greenlet, but not twice", "[lock]") {
  Lock lock;
  lock.lock();
  spawn([&] { lock.unlock(); }).get();
  CHECK_FALSE(lock.locked());
  CHECK_THROWS_AS(lock.unlock(), std::logic_error);
  CHECK_FALSE(lock.locked());
}

TEST_CASE_METHOD(LibraryFixture, "locks meet the standard library's requirements", "[lock]") {
  Lock a, b;
  RLock r;
  {
    const std::scoped_lock all(a, b, r);
    CHECK(a.locked());
    CHECK(b.locked());
    CHECK(r.locked());
  }
  std::unique_lock first(a, std::try_to_lock);
  CHECK(first.owns_lock());
  const bool again = a.try_lock_for(1ms);
  CHECK_FALSE(again);
  const bool until = a.try_lock_until(std::chrono::steady_clock::now() + 1ms);
  CHECK_FALSE(until);
  const bool recursive = r.try_lock_for(1ms);
  CHECK(recursive);
  r.unlock();
}

TEST_CASE_METHOD(LibraryFixture, "a killed greenlet unlocks what it holds", "[lock]") {
  Lock lock;
  auto holder = spawn([&] {
    const std::lock_guard guard(lock);
    sleep(1h);
  });
  auto waiter = spawn([&] { return lock.acquire(); });
  settle();
  holder.kill();
  const bool got = waiter.get();
  CHECK(got);
}

TEST_CASE_METHOD(LibraryFixture, "an rlock is its owner's as often as it takes it", "[lock]") {
  RLock lock;
  CHECK_FALSE(lock.is_owned());
  lock.lock();
  const bool again = lock.try_lock();
  CHECK(again);
  CHECK(lock.is_owned());
  auto other = spawn([&] {
    CHECK_FALSE(lock.is_owned());
    const bool taken = lock.acquire(1ms);
    return taken;
  });
  const bool taken = other.get();
  CHECK_FALSE(taken);
  lock.unlock();
  CHECK(lock.locked());
  lock.unlock();
  CHECK_FALSE(lock.locked());
  CHECK_FALSE(lock.is_owned());
}

TEST_CASE_METHOD(LibraryFixture, "an rlock is released by its owner only", "[lock]") {
  RLock lock;
  CHECK_THROWS_AS(lock.unlock(), std::logic_error);
  lock.lock();
  auto other = spawn([&] { lock.unlock(); });
  CHECK_THROWS_AS(other.get(), std::logic_error);
  bool refused = false;
  std::thread([&] {
    try {
      lock.unlock();
    } catch (const std::logic_error&) {
      refused = true;
    }
  }).join();
  CHECK(refused);
  CHECK(lock.is_owned());
  lock.unlock();
}

TEST_CASE_METHOD(LibraryFixture, "an rlock goes to the oldest waiter when it is released whole", "[lock]") {
  RLock lock;
  std::string order;
  lock.lock();
  lock.lock();
  auto a = spawn([&] {
    const std::lock_guard guard(lock);
    order += 'a';
  });
  auto killed = spawn([&] {
    const std::lock_guard guard(lock);
    order += 'k';
  });
  auto b = spawn([&] {
    const std::lock_guard guard(lock);
    order += 'b';
  });
  settle();
  lock.unlock();
  settle();
  CHECK(order.empty());
  killed.kill();
  lock.unlock();
  joinall({a, b});
  CHECK(order == "ab");
}

TEST_CASE_METHOD(LibraryFixture, "an rlock excludes greenlets and plain threads from each other", "[lock]") {
  RLock lock;
  int count = 0;
  const auto work = [&] {
    for (int i = 0; i < 500; ++i) {
      const std::lock_guard outer(lock);
      const std::lock_guard inner(lock);
      const int seen = count;
      if (i % 20 == 0) sleep(0);
      count = seen + 1;
    }
  };
  std::thread thread(work);
  auto a = spawn(work), b = spawn(work);
  joinall({a, b});
  thread.join();
  CHECK(count == 1500);
}
