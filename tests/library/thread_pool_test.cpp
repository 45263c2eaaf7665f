// gevent.threadpool.ThreadPool: what its documentation promises.
#include "evergreen/thread_pool.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"
#include "tests/support/gate.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a call runs on another thread, and its result comes back", "[thread_pool]") {
  ThreadPool pool(2);
  const auto ran_on = pool.apply([] { return std::this_thread::get_id(); });
  CHECK(ran_on != std::this_thread::get_id());
  const AsyncResult<int> sum = pool.spawn([](int a, int b) { return a + b; }, 2, 3);
  CHECK(sum.get() == 5);
  const auto moved = pool.apply([](std::unique_ptr<int> x) { return x; }, std::make_unique<int>(7));
  CHECK(*moved == 7);
  bool called = false;
  pool.apply([&] { called = true; });
  CHECK(called);
}

TEST_CASE_METHOD(LibraryFixture, "an exception of a call is thrown by get, with its type", "[thread_pool]") {
  ThreadPool pool(1);
  const auto failing = pool.spawn([]() -> int { throw std::out_of_range("no"); });
  CHECK_THROWS_AS(failing.get(), std::out_of_range);
  CHECK_THROWS_AS(pool.apply([] { throw std::out_of_range("no"); }), std::out_of_range);
}

TEST_CASE_METHOD(LibraryFixture, "as many calls as maxsize run at once, and others wait their turn", "[thread_pool]") {
  ThreadPool pool(2);
  Gate both(3), end(3);
  for (int i = 0; i < 2; ++i) {
    pool.spawn([&] {
      both.pass();
      end.pass();
    });
  }
  CHECK(both.pass());
  CHECK(pool.size() == 2);
  CHECK(pool.full());
  bool spawned = false, ran = false;
  const auto third = evergreen::spawn([&] {
    const auto result = pool.spawn([&] { ran = true; });
    spawned = true;
    result.get();
  });
  sleep(1ms);
  CHECK_FALSE(spawned);
  CHECK(end.pass());
  third.get();
  CHECK(ran);
}

TEST_CASE_METHOD(LibraryFixture, "who is killed or times out while the pool is full takes nothing", "[thread_pool]") {
  ThreadPool pool(1);
  Gate begun(2), end(2);
  pool.spawn([&] {
    begun.pass();
    end.pass();
  });
  CHECK(begun.pass());
  bool ran = false;
  const auto waiting = evergreen::spawn([&] { pool.spawn([&] { ran = true; }); });
  sleep(0);
  waiting.kill();
  {
    Timeout timeout(1ms);
    CHECK_THROWS_AS(pool.spawn([&] { ran = true; }), Timeout);
  }
  CHECK(pool.size() == 1);
  CHECK(end.pass());
  pool.join();
  CHECK_FALSE(ran);
  pool.apply([&] { ran = true; });
  CHECK(ran);
}

TEST_CASE_METHOD(LibraryFixture, "map keeps the order, and throws the first exception", "[thread_pool]") {
  ThreadPool pool(3);
  std::vector<int> items;
  for (int i = 0; i < 50; ++i) items.push_back(i);
  const std::vector<std::string> texts = pool.map([](int i) { return std::to_string(i * i); }, items);
  CHECK(texts.size() == 50);
  CHECK(texts[7] == "49");
  CHECK(texts[49] == "2401");
  std::atomic<int> done = 0;
  CHECK_THROWS_AS(pool.map(
                      [&](int i) {
                        ++done;
                        if (i % 10 == 3) throw std::invalid_argument(std::to_string(i));
                      },
                      items),
                  std::invalid_argument);
  CHECK(done == 50);
}

TEST_CASE_METHOD(LibraryFixture, "join waits for all calls, or until its deadline", "[thread_pool]") {
  ThreadPool pool(2);
  CHECK(pool.join());
  Gate begun(2), end(2);
  std::atomic<bool> over = false;
  pool.spawn([&] {
    begun.pass();
    end.pass();
    over = true;
  });
  CHECK(begun.pass());
  CHECK_FALSE(pool.join(1ms));
  CHECK(end.pass());
  CHECK(pool.join());
  CHECK(over);
  CHECK(pool.size() == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a pool that dies waits for its calls, and their results stay", "[thread_pool]") {
  std::vector<AsyncResult<int>> results;
  {
    ThreadPool pool(2);
    for (int i = 0; i < 6; ++i) {
      results.push_back(pool.spawn([i] {
        std::this_thread::sleep_for(1ms);
        return i;
      }));
    }
  }
  for (int i = 0; i < 6; ++i) CHECK(results[static_cast<std::size_t>(i)].get_nowait() == i);
}

TEST_CASE_METHOD(LibraryFixture, "the others go on while calls run, and calls may use the library's objects",
                 "[thread_pool]") {
  ThreadPool pool(1);
  Event go, done;
  const auto waiting = pool.spawn([&] {
    go.wait();  // blocks its thread
    done.set();
  });
  sleep(1ms);
  CHECK_FALSE(waiting.ready());
  go.set();
  done.wait();
  waiting.get();
}

TEST_CASE_METHOD(LibraryFixture, "threads may spawn, too", "[thread_pool]") {
  ThreadPool pool(4);
  std::atomic<int> sum = 0;
  std::thread thread([&] {
    for (int i = 1; i <= 20; ++i) sum += pool.apply([i] { return i; });
  });
  while (sum < 210) sleep(1ms);
  thread.join();
  CHECK(sum == 210);
}
