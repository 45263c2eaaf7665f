// gevent.queue.PriorityQueue: what its documentation promises.
#include "evergreen/priority_queue.h"

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

using Ints = std::vector<int>;

namespace {

template <class Q>
Ints drain(Q& queue) {
  Ints items;
  while (auto item = queue.try_get()) items.push_back(*item);
  return items;
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "a priority queue gives the lowest item first", "[priority_queue]") {
  PriorityQueue<int> queue(Ints{5, 3, 9});
  queue.put(4);
  CHECK(queue.peek() == 3);
  CHECK(queue.qsize() == 4);
  CHECK(drain(queue) == Ints{3, 4, 5, 9});
  PriorityQueue<int, std::greater<>> reversed;
  for (int i : {1, 3, 2}) reversed.put(i);
  CHECK(drain(reversed) == Ints{3, 2, 1});
}

TEST_CASE_METHOD(LibraryFixture, "any sequence of puts and gets comes out in order", "[priority_queue]") {
  std::minstd_rand random(7);
  for (int round = 0; round < 50; ++round) {
    PriorityQueue<int> queue;
    std::vector<int> model;
    bool same = true;
    for (int step = 0; step < 300; ++step) {
      if (random() % 3 != 0 || model.empty()) {
        model.push_back(static_cast<int>(random() % 100));
        queue.put(model.back());
      } else {
        const auto lowest = std::min_element(model.begin(), model.end());
        same = same && queue.peek() == *lowest && queue.get() == *lowest;
        model.erase(lowest);
      }
    }
    std::sort(model.begin(), model.end());
    CHECK(same);
    CHECK(drain(queue) == model);
  }
}

TEST_CASE_METHOD(LibraryFixture, "of equal items the one that was put first comes first", "[priority_queue]") {
  const auto by_first = [](const auto& a, const auto& b) { return a.first < b.first; };
  PriorityQueue<std::pair<int, int>, decltype(by_first)> queue;
  for (int i = 0; i < 60; ++i) queue.put({i % 3, i});
  bool in_order = true;
  for (std::pair<int, int> last(-1, -1); !queue.empty();) {
    const auto item = queue.get();
    in_order &= last < item;
    last = item;
  }
  CHECK(in_order);
}

TEST_CASE_METHOD(LibraryFixture, "a bounded priority queue lets items in in the order of coming", "[priority_queue]") {
  PriorityQueue<int> queue(2);
  queue.put(5);
  queue.put(6);
  auto first = spawn([&] { queue.put(7); });
  auto second = spawn([&] { queue.put(1); });
  settle();
  CHECK(drain(queue) == Ints{5, 6, 1, 7});  // 7 is let in when 5 goes, 1 when 6 goes
  first.get();
  second.get();
  auto waits = spawn([&] { return queue.get(); });
  settle();
  queue.put(9);
  queue.put(2);
  CHECK(waits.get() == 9);
  CHECK(queue.get() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "of a move-only type, with a deadline, and shut down", "[priority_queue]") {
  const auto by_value = [](const auto& a, const auto& b) { return *a < *b; };
  PriorityQueue<std::unique_ptr<int>, decltype(by_value)> queue;
  CHECK_THROWS_AS(queue.get(1ms), Empty);
  for (int i : {2, 1, 3}) queue.put(std::make_unique<int>(i));
  CHECK(*queue.get() == 1);
  queue.shutdown();
  CHECK(*queue.get() == 2);
  queue.shutdown(true);  // what is left is destroyed, trees and all
  CHECK_THROWS_AS(queue.get(), ShutDown);
}

TEST_CASE_METHOD(LibraryFixture, "a comparison that throws loses nothing", "[priority_queue]") {
  int until_throw = 0;
  const auto compare = [&](int a, int b) {
    if (--until_throw == 0) throw std::runtime_error("incomparable");
    return a < b;
  };
  for (int at = 1; at < 12; ++at) {
    PriorityQueue<int, decltype(compare)> queue(Ints{4, 2, 5, 1, 3}, 5, compare);
    until_throw = at;
    Ints items;
    int thrown = 0;
    while (!queue.empty()) {
      try {
        items.push_back(queue.get());
      } catch (const std::runtime_error&) {
        ++thrown;
        CHECK(queue.qsize() == 5 - items.size());
      }
    }
    CHECK(thrown == 1);
    CHECK(items == Ints{1, 2, 3, 4, 5});
  }
}

TEST_CASE_METHOD(LibraryFixture, "a comparison may wait: others put meanwhile, and wait to get", "[priority_queue]") {
  const auto compare = [](int a, int b) {
    sleep(0);
    return a < b;
  };
  PriorityQueue<int, decltype(compare)> queue(Ints{3, 1, 2}, 10, compare);
  auto one = spawn([&] { return queue.get(); });
  auto two = spawn([&] { return queue.get(); });
  auto killed = spawn([&] { return queue.get(); });
  sleep(0);
  queue.put(0);
  killed.kill();
  const int a = one.get(), b = two.get();
  CHECK(a == 1);
  CHECK(b == 0);
  CHECK(drain(queue) == Ints{2, 3});
}

TEST_CASE_METHOD(LibraryFixture, "threads that get at once get each item once, in order", "[priority_queue]") {
  constexpr int items = 3000, getters = 3;
  PriorityQueue<int> queue;
  for (int i = 0; i < items; ++i) queue.put((i * 7919) % items);
  std::vector<Ints> got(getters);
  std::vector<std::thread> threads;
  queue.shutdown();
  for (Ints& mine : got) {
    threads.emplace_back([&] {
      for (int item : queue) mine.push_back(item);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Ints all;
  bool in_order = true;
  for (const Ints& mine : got) {
    in_order &= std::is_sorted(mine.begin(), mine.end());
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(in_order);
  CHECK(all.size() == items);
  CHECK(std::unique(all.begin(), all.end()) == all.end());
}
