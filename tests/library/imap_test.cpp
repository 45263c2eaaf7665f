// gevent.pool.Group.map, imap, imap_unordered: what their documentation promises.
#include "evergreen/imap.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "evergreen/event.h"
#include "evergreen/pool.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

using Ints = std::vector<int>;

namespace {

int square(int x) {
  sleep(0);
  return x * x;
}

Ints numbers(int count) {
  Ints all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Ints squares(int count) {
  Ints all = numbers(count);
  for (int& x : all) x *= x;
  return all;
}

// 0, 1, 2, ... without end; or an error at `error_at`.
struct Endless {
  struct Iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int operator*() const { return at; }
    Iterator& operator++() {
      if (++at == error_at) throw std::runtime_error("the range is broken");
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return false; }
    int at;
    int error_at;
  };
  [[nodiscard]] Iterator begin() const { return {0, error_at}; }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }
  int error_at = -1;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "map returns the results in the order of the items", "[imap]") {
  for (const std::size_t size : {1, 2, 10, 1000}) {
    Pool pool(size);
    CHECK(pool.map(square, numbers(50)) == squares(50));
    CHECK(pool.map(square, Ints()).empty());
    CHECK(pool.free_count() == size);
  }
  Group group;
  const Ints items = numbers(3);
  const auto texts = group.map([](int x) { return std::to_string(x); }, items);
  CHECK(texts == std::vector<std::string>{"0", "1", "2"});
  int sum = 0;
  const std::vector<std::monostate> nothing = group.map([&](int x) { sum += x; }, items);
  CHECK(nothing.size() == 3);
  CHECK(sum == 3);
}

TEST_CASE_METHOD(LibraryFixture, "map throws what the first failing call threw, and ends the rest", "[imap]") {
  Pool pool(10);
  int cleaned = 0;
  Event never;
  struct Counts {
    ~Counts() { ++count; }
    int& count;
  };
  const auto call = [&](int x) {
    const Counts counts{cleaned};
    if (x == 3) throw std::out_of_range("three");
    if (x > 3) never.wait();
    return x;
  };
  CHECK_THROWS_AS(pool.map(call, numbers(8)), std::out_of_range);
  CHECK(cleaned == 8);
  CHECK(pool.empty());
}

TEST_CASE_METHOD(LibraryFixture, "map_async has the results later", "[imap]") {
  Pool pool(2);
  const Ints items = numbers(9);
  auto mapped = pool.map_async(square, items);
  auto moved = pool.map_async(square, numbers(4));
  CHECK_FALSE(mapped.dead());
  CHECK(mapped.get() == squares(9));
  CHECK(moved.get() == squares(4));
}

TEST_CASE_METHOD(LibraryFixture, "imap gives results in order, imap_unordered as they come", "[imap]") {
  Pool pool(3);
  std::vector<Event> go(3);
  const auto call = [&](int x) {
    go[x].wait();
    return x;
  };
  auto ordered = pool.imap(call, numbers(3));
  go[2].set();
  settle();
  go[0].set();
  CHECK(ordered.next() == 0);
  go[1].set();
  CHECK(ordered.next() == 1);
  CHECK(ordered.next() == 2);
  CHECK_FALSE(ordered.next().has_value());
  CHECK_FALSE(ordered.next().has_value());
  for (Event& event : go) event.clear();
  Ints order;
  auto unordered = pool.imap_unordered(call, numbers(3));
  settle();
  for (int i : {2, 0, 1}) {
    go[i].set();
    settle();
  }
  for (int x : unordered) order.push_back(x);
  CHECK(order == Ints{2, 0, 1});
}

TEST_CASE_METHOD(LibraryFixture, "many items, unordered", "[imap]") {
  Pool pool(7);
  Ints all;
  for (int& x : pool.imap_unordered(square, numbers(500))) all.push_back(x);
  std::sort(all.begin(), all.end());
  CHECK(all == squares(500));
}

TEST_CASE_METHOD(LibraryFixture, "an error surfaces at its item, and the next ones can be read", "[imap]") {
  Pool pool(2);
  const auto call = [](int x) {
    if (x == 1) throw std::out_of_range("one");
    return x;
  };
  auto results = pool.imap(call, numbers(3));
  CHECK(results.next() == 0);
  CHECK_THROWS_AS(results.next(), std::out_of_range);
  CHECK(results.next() == 2);
  CHECK_FALSE(results.next().has_value());
  Ints read;
  int errors = 0;
  auto again = pool.imap_unordered(call, numbers(3));
  for (auto it = again.begin(); it != again.end(); ++it) {
    try {
      read.push_back(*it);
    } catch (const std::out_of_range&) {
      ++errors;
    }
  }
  CHECK(read == Ints{0, 2});
  CHECK(errors == 1);
}

TEST_CASE_METHOD(LibraryFixture, "an error of the range comes after the results", "[imap]") {
  Pool pool(2);
  auto results = pool.imap(square, Endless{3});
  CHECK(results.next() == 0);
  CHECK(results.next() == 1);
  CHECK(results.next() == 4);
  CHECK_THROWS_AS(results.next(), std::runtime_error);
  CHECK_FALSE(results.next().has_value());
}

TEST_CASE_METHOD(LibraryFixture, "with maxsize the calls keep to the reader, so the range may be endless", "[imap]") {
  for (const bool ordered : {true, false}) {
    Pool pool(5);
    int begun = 0, read = 0;
    bool ahead = false;
    const auto call = [&](int x) {
      ++begun;
      return x;
    };
    const Endless endless;
    auto results = ordered ? pool.imap(call, endless, 2) : pool.imap_unordered(call, endless, 2);
    for (int x : results) {
      settle();
      ahead |= begun > read + 3;  // the one that is read, and two
      CHECK(x == read);
      if (++read == 50) break;
    }
    CHECK_FALSE(ahead);
  }
}

TEST_CASE_METHOD(LibraryFixture, "an imap that is abandoned kills its calls, and waits until they are gone", "[imap]") {
  Pool pool(3);
  Event never, go;
  int cleaned = 0;
  std::string after;
  auto reader = spawn([&] {
    auto results = std::make_optional(pool.imap(
        [&](int) {
          try {
            never.wait();
          } catch (const GreenletExit&) {
            go.wait();
            ++cleaned;
            throw;
          }
        },
        Endless()));
    settle();
    Timeout timeout(1ms);
    results.reset();
    for (int i = 0; i < 2; ++i) {
      try {
        sleep(0);
      } catch (const GreenletExit&) {
        after += "exit ";
      } catch (const Timeout&) {
        after += "timeout ";
      }
    }
  });
  for (int i = 0; i < 3; ++i) settle();
  const bool dead = reader.kill(Deadline::now());
  sleep(2ms);
  CHECK_FALSE(dead);
  CHECK(after.empty());  // both stay for its next wait
  go.set();
  reader.join();
  CHECK(cleaned == 3);
  CHECK(after == "exit timeout ");
  CHECK(pool.empty());
}

TEST_CASE_METHOD(LibraryFixture, "of move-only items and results, from a range or a queue", "[imap]") {
  Pool pool(2);
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
  int sum = 0;
  for (auto& p : pool.imap([](std::unique_ptr<int> p) { return p; }, std::move(items))) sum += *p;
  CHECK(sum == 3);
  Queue<int> queue;
  auto results = pool.imap(square, queue);
  queue.put(3);
  CHECK(results.next() == 9);
  queue.put(4);
  queue.shutdown();
  CHECK(results.next() == 16);
  CHECK_FALSE(results.next().has_value());
}

TEST_CASE_METHOD(LibraryFixture, "pool.kill ends the calls of an imap: their results are GreenletExit", "[imap]") {
  Pool pool(2);
  Event never;
  auto results = pool.imap(
      [&](int x) {
        never.wait();
        return x;
      },
      numbers(2));
  settle();
  pool.kill();
  CHECK_THROWS_AS(results.next(), GreenletExit);
  CHECK_THROWS_AS(results.next(), GreenletExit);
  CHECK_FALSE(results.next().has_value());
}
