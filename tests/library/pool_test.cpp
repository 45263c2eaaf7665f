// gevent.pool.Pool: what its documentation promises.
#include "evergreen/pool.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/event.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "spawn waits while the pool is full, in the order of coming", "[pool]") {
  Pool pool(2);
  std::vector<int> begun;
  std::vector<Event> go(4);
  std::vector<Greenlet<void>> spawners;
  CHECK(pool.max_size() == 2);
  for (int i = 0; i < 4; ++i) {
    spawners.push_back(spawn([&, i] {
      pool.spawn([&, i] {
        begun.push_back(i);
        go[i].wait();
      });
    }));
  }
  settle();
  CHECK(begun == std::vector{0, 1});
  CHECK(pool.full());
  CHECK(pool.size() == 2);
  go[1].set();
  settle();
  CHECK(begun == std::vector{0, 1, 2});
  CHECK(pool.size() == 2);
  for (Event& event : go) event.set();
  for (const auto& spawner : spawners) spawner.get();
  CHECK(pool.join());
  CHECK(begun == std::vector{0, 1, 2, 3});
  CHECK(pool.free_count() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "free_count, full, try_spawn and wait_available tell of room", "[pool]") {
  Pool pool(2);
  Event go;
  CHECK(pool.free_count() == 2);
  auto one = pool.try_spawn([&] { return go.wait(); });
  REQUIRE(one.has_value());
  CHECK(pool.free_count() == 1);
  CHECK(pool.wait_available() == 1);
  auto two = pool.try_spawn([&] { go.wait(); });
  CHECK(pool.full());
  auto owned = std::make_unique<int>(1);
  auto three = pool.try_spawn([](std::unique_ptr<int>) {}, std::move(owned));
  CHECK_FALSE(three.has_value());
  CHECK(owned != nullptr);  // not taken
  CHECK(pool.wait_available(1ms) == 0);
  go.set();
  CHECK(pool.wait_available(30s) > 0);
  CHECK(one->get());
  two->get();
  CHECK(pool.free_count() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a pool without a size never makes anybody wait; one of size 0 always", "[pool]") {
  Pool endless;
  Event go;
  for (int i = 0; i < 100; ++i) endless.spawn([&] { go.wait(); });
  CHECK(endless.size() == 100);
  CHECK_FALSE(endless.full());
  go.set();
  endless.join();
  Pool none(0);
  CHECK(none.full());
  CHECK(none.free_count() == 0);
  CHECK(none.wait_available(1ms) == 0);
  auto spawns = spawn([&] { none.spawn([] {}); });
  settle();
  CHECK_FALSE(spawns.dead());
  spawns.kill();
}

TEST_CASE_METHOD(LibraryFixture, "add waits for room, or throws PoolFull; discard makes room", "[pool]") {
  Pool pool(1);
  Event never;
  auto first = spawn([&] { never.wait(); }), second = spawn([&] { never.wait(); });
  pool.add(first);
  pool.add(first);
  CHECK(pool.free_count() == 0);
  CHECK_THROWS_AS(pool.add(second, Deadline::now()), PoolFull);
  CHECK_THROWS_AS(pool.add(second, 1ms), Full);
  pool.discard(first);
  pool.discard(first);
  CHECK(pool.free_count() == 1);
  pool.add(second);
  CHECK(pool.full());
  second.kill();
  CHECK(pool.free_count() == 1);
  first.kill();
  CHECK(pool.free_count() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "room comes back however a greenlet ends", "[pool]") {
  Pool pool(1);
  Event never;
  pool.spawn([] { throw std::runtime_error("oops"); }).set_name("thrower");
  pool.spawn([&] { never.wait(); }).kill();
  bool ran = false;
  auto unstarted = pool.spawn([&] { ran = true; });
  unstarted.kill();
  CHECK(pool.free_count() == 1);
  struct Fragile {
    Fragile() = default;
    Fragile(const Fragile&) { throw std::runtime_error("broken"); }
    void operator()() const {}
  };
  const Fragile fragile;
  CHECK_THROWS_AS(pool.spawn(fragile), std::runtime_error);
  CHECK(pool.free_count() == 1);
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(LibraryFixture, "who waits to spawn and is killed, or times out, takes no room", "[pool]") {
  Pool pool(1);
  Event go;
  pool.spawn([&] { go.wait(); });
  bool ran = false;
  auto killed = spawn([&] { pool.spawn([&] { ran = true; }); });
  auto late = spawn([&] {
    Timeout timeout(1ms);
    pool.spawn([&] { ran = true; });
  });
  settle();
  killed.kill();
  late.join();
  go.set();
  pool.join();
  CHECK_FALSE(ran);
  CHECK(pool.free_count() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "apply returns the result or throws, and in a member of the pool runs in place",
                 "[pool]") {
  Pool pool(1);
  CHECK(pool.apply([](int a, std::unique_ptr<int> b) { return a + *b; }, 1, std::make_unique<int>(2)) == 3);
  CHECK_THROWS_AS(pool.apply([] { throw std::out_of_range("far"); }), std::out_of_range);
  CHECK(pool.apply([&] { return pool.apply([](int a) { return a + 1; }, 5); }) == 6);
  int x = 1;
  int& same = pool.apply([&]() -> int& { return x; });
  CHECK(&same == &x);
}

TEST_CASE_METHOD(LibraryFixture, "apply_async never waits, and has the result", "[pool]") {
  Pool pool(1);
  Event go;
  auto one = pool.apply_async([&] {
    go.wait();
    return std::string("one");
  });
  auto two = pool.apply_async([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(2));
  auto three = pool.apply_async([]() -> int { throw std::out_of_range("far"); });
  settle();
  CHECK_FALSE(two.dead());
  CHECK(pool.size() == 1);
  go.set();
  CHECK(one.get() == "one");
  CHECK(two.get() == 2);
  CHECK_THROWS_AS(three.get(), std::out_of_range);
}

TEST_CASE_METHOD(LibraryFixture, "never more greenlets than there is room for, whoever spawns", "[pool]") {
  Pool pool(3);
  std::atomic<int> running = 0, most = 0, ran = 0;
  const auto work = [&] {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    sleep(0);
    --running;
    ++ran;
  };
  Event done;
  std::thread thread([&] {
    for (int i = 0; i < 300; ++i) pool.spawn(work);
    done.set();
  });
  for (int i = 0; i < 300; ++i) pool.spawn(work);
  done.wait();
  thread.join();
  pool.join();
  CHECK(ran == 600);
  CHECK(most <= 3);
  CHECK(most > 1);
  CHECK(pool.free_count() == 3);
}
