// gevent.queue.Queue and LifoQueue: what their documentation promises.
#include "evergreen/queue.h"

#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
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

TEST_CASE_METHOD(LibraryFixture, "a queue gives items in the order in which they were put", "[queue]") {
  Queue<int> queue;
  CHECK(queue.empty());
  CHECK_FALSE(queue.full());
  CHECK(queue.maxsize() == Queue<int>::unbounded);
  for (int i = 1; i <= 3; ++i) queue.put(i);
  CHECK(queue.qsize() == 3);
  CHECK_FALSE(queue.empty());
  CHECK(drain(queue) == Ints{1, 2, 3});
  CHECK(queue.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a lifo queue gives the item that was put last", "[queue]") {
  LifoQueue<int> queue(Ints{1, 2});
  queue.put(3);
  CHECK(queue.peek() == 3);
  CHECK(drain(queue) == Ints{3, 2, 1});
  CHECK(queue.unfinished_tasks() == 3);
}

TEST_CASE_METHOD(LibraryFixture, "a queue begins with the items that it is given, even beyond its size", "[queue]") {
  Queue<int> queue(Ints{1, 2, 3}, 2);
  CHECK(queue.qsize() == 3);
  CHECK(queue.full());
  CHECK(queue.unfinished_tasks() == 3);
  CHECK_THROWS_AS(queue.put_nowait(4), Full);
  CHECK(drain(queue) == Ints{1, 2, 3});
}

TEST_CASE_METHOD(LibraryFixture, "get waits for an item, and those who wait get in the order of coming", "[queue]") {
  Queue<int> queue;
  Ints got(4);
  std::vector<Greenlet<void>> getters;
  for (int i = 0; i < 4; ++i) getters.push_back(spawn([&, i] { got[i] = queue.get(); }));
  settle();
  CHECK(got == Ints(4));
  for (int i = 1; i <= 4; ++i) queue.put(i);
  CHECK(queue.empty());  // all are somebody's already
  CHECK_FALSE(queue.try_get().has_value());
  for (const auto& getter : getters) getter.get();
  CHECK(got == Ints{1, 2, 3, 4});
}

TEST_CASE_METHOD(LibraryFixture, "put waits for room, and those who wait put in the order of coming", "[queue]") {
  Queue<int> queue(2);
  Ints put;
  std::vector<Greenlet<void>> putters;
  for (int i = 1; i <= 5; ++i) {
    putters.push_back(spawn([&, i] {
      queue.put(i);
      put.push_back(i);
    }));
  }
  settle();
  CHECK(put == Ints{1, 2});
  CHECK(queue.full());
  CHECK(queue.get() == 1);
  CHECK(queue.full());  // the third's item is in, although it has not run yet
  CHECK_FALSE(queue.try_put(6));
  settle();
  CHECK(put == Ints{1, 2, 3});
  CHECK(drain(queue) == Ints{2, 3, 4, 5});
  for (const auto& putter : putters) putter.get();
  CHECK(put == Ints{1, 2, 3, 4, 5});
}

TEST_CASE_METHOD(LibraryFixture, "what does not wait throws, or returns nothing", "[queue]") {
  Queue<int> queue(1);
  CHECK_THROWS_AS(queue.get_nowait(), Empty);
  CHECK_THROWS_AS(queue.peek_nowait(), Empty);
  CHECK_FALSE(queue.try_get().has_value());
  queue.put_nowait(1);
  CHECK_THROWS_AS(queue.put_nowait(2), Full);
  CHECK_FALSE(queue.try_put(2));
  CHECK(queue.peek_nowait() == 1);
  CHECK(queue.get_nowait() == 1);
  CHECK_THROWS_AS(queue.get_nowait(), Empty);
  CHECK_THROWS_AS(queue.get_nowait(), std::exception);
}

TEST_CASE_METHOD(LibraryFixture, "deadlines end put and get, and do not matter where nobody must wait", "[queue]") {
  Queue<int> queue(1);
  const Deadline deadline = Deadline::in(2ms);
  CHECK_THROWS_AS(queue.get(deadline), Empty);
  CHECK(deadline.has_passed());
  CHECK_THROWS_AS(queue.peek(1ms), Empty);
  queue.put(1, deadline);
  CHECK_THROWS_AS(queue.put(2, 1ms), Full);
  CHECK_FALSE(queue.try_put(2, 1ms));
  CHECK(queue.get(deadline) == 1);
  CHECK_FALSE(queue.try_get(1ms).has_value());
  CHECK(queue.unfinished_tasks() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "peek leaves the item, waits for one, and sees only what nobody waits for",
                 "[queue]") {
  Queue<std::string> queue;
  auto peeks = spawn([&] { return queue.peek(); });
  settle();
  auto gets = spawn([&] { return queue.get(); });
  settle();
  queue.put("a");
  settle();
  CHECK(gets.dead());
  CHECK_FALSE(peeks.dead());
  queue.put("b");
  CHECK(peeks.get() == "b");
  CHECK(queue.get() == "b");
  CHECK(gets.get() == "a");
}

TEST_CASE_METHOD(LibraryFixture, "of a move-only type", "[queue]") {
  Queue<std::unique_ptr<int>> queue(2);
  queue.put(std::make_unique<int>(1));
  queue.put(std::make_unique<int>(2));
  auto third = std::make_unique<int>(3);
  CHECK_FALSE(queue.try_put(std::move(third)));
  REQUIRE(third != nullptr);  // as it was
  CHECK(*queue.get() == 1);
  CHECK(queue.try_put(std::move(third)));
  CHECK(third == nullptr);
  CHECK(**queue.try_get() == 2);
  CHECK(*queue.get() == 3);
  CHECK_THROWS_AS(queue.get_nowait(), Empty);
}

TEST_CASE_METHOD(LibraryFixture, "iteration ends when the queue is shut down and empty", "[queue]") {
  Queue<int> queue;
  auto sum = spawn([&] {
    int total = 0;
    for (int& item : queue) total += item;
    return total;
  });
  for (int i = 1; i <= 10; ++i) {
    queue.put(i);
    sleep(0);
  }
  CHECK_FALSE(sum.dead());
  queue.shutdown();
  CHECK(sum.get() == 55);
  int none = 0;
  for (int item : queue) none += item;
  CHECK(none == 0);
}

TEST_CASE_METHOD(LibraryFixture, "shutdown: no puts, and gets until it is empty", "[queue]") {
  Queue<int> queue(Ints{1, 2});
  queue.shutdown();
  CHECK(queue.is_shutdown());
  CHECK_THROWS_AS(queue.put(3), ShutDown);
  CHECK_THROWS_AS(queue.put_nowait(3), ShutDown);
  CHECK_FALSE(queue.try_put(3));
  CHECK(queue.get() == 1);
  queue.task_done();
  CHECK(queue.get_nowait() == 2);
  queue.task_done();
  CHECK(queue.join());
  CHECK_THROWS_AS(queue.get(), ShutDown);
  CHECK_THROWS_AS(queue.get_nowait(), ShutDown);
  CHECK_THROWS_AS(queue.get(1s), ShutDown);
  CHECK_THROWS_AS(queue.peek(), ShutDown);
  CHECK_FALSE(queue.try_get().has_value());
}

TEST_CASE_METHOD(LibraryFixture, "an immediate shutdown empties the queue, and counts its items as done", "[queue]") {
  const auto item = std::make_shared<int>(1);
  Queue<std::shared_ptr<int>> queue;
  queue.put(item);
  queue.put(item);
  auto joins = spawn([&] { return queue.join(); });
  settle();
  CHECK_FALSE(joins.dead());
  queue.shutdown(true);
  CHECK(item.use_count() == 1);
  CHECK(joins.get());
  CHECK_THROWS_AS(queue.get(), ShutDown);
  CHECK_THROWS_AS(queue.task_done(), std::logic_error);
}

TEST_CASE_METHOD(LibraryFixture, "shutdown ends the waits of those who put and of those who get", "[queue]") {
  Queue<int> full(Ints{1}, 1), empty;
  auto puts = spawn([&] { full.put(2); });
  auto gets = spawn([&] { empty.get(); });
  auto peeks = spawn([&] { empty.peek(); });
  settle();
  full.shutdown();
  empty.shutdown();
  CHECK_THROWS_AS(puts.get(), ShutDown);
  CHECK_THROWS_AS(gets.get(), ShutDown);
  CHECK_THROWS_AS(peeks.get(), ShutDown);
  CHECK(drain(full) == Ints{1});
}

TEST_CASE_METHOD(LibraryFixture, "join waits until all tasks are done", "[queue]") {
  Queue<int> queue;
  CHECK(queue.join());  // none
  queue.put(1);
  queue.put(2);
  CHECK(queue.unfinished_tasks() == 2);
  CHECK_FALSE(queue.join(1ms));
  auto worker = spawn([&] {
    for (int item : queue) {
      sleep(std::chrono::milliseconds(item));
      queue.task_done();
    }
  });
  CHECK(queue.join());
  CHECK(queue.unfinished_tasks() == 0);
  auto joins = spawn([&] { return queue.join(); });
  queue.put(3);
  settle();
  queue.shutdown();
  worker.get();
  CHECK(joins.get());
  CHECK_THROWS_AS(queue.task_done(), std::logic_error);
}

TEST_CASE_METHOD(LibraryFixture, "who joins is woken when all is done, even if there is more by then", "[queue]") {
  Queue<int> queue;
  queue.put(1);
  auto joins = spawn([&] { return queue.join(); });
  settle();
  queue.task_done();
  queue.put(2);
  CHECK(joins.get());
}

TEST_CASE_METHOD(LibraryFixture, "a greater size lets those in who wait", "[queue]") {
  Queue<int> queue(1);
  queue.put(0);
  std::vector<Greenlet<void>> putters;
  for (int i = 1; i <= 3; ++i) putters.push_back(spawn([&, i] { queue.put(i); }));
  settle();
  queue.set_maxsize(3);
  CHECK(queue.qsize() == 3);
  settle();
  CHECK(putters[1].dead());
  CHECK_FALSE(putters[2].dead());
  queue.set_maxsize(1);
  CHECK(drain(queue) == Ints{0, 1, 2, 3});
  putters[2].get();
}
