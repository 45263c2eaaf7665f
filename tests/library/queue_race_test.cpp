// Queues where something comes between: kill(), deadlines, Timeouts, other threads, and code of users that throws or
// waits. No item may be lost, and none got twice.
#include <atomic>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "evergreen/channel.h"
#include "evergreen/queue.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// Kernel threads for which the main greenlet waits, while the others run.
class Threads {
 public:
  template <class F>
  void add(F f) {
    done_.push_back(std::make_unique<Event>());
    threads_.emplace_back([f = std::move(f), &done = *done_.back()] {
      f();
      done.set();
    });
  }
  void join() {
    for (const auto& done : done_) done->wait();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::unique_ptr<Event>> done_;
  std::vector<std::thread> threads_;
};

// Of the numbers that several put, who got which.
class Ledger {
 public:
  explicit Ledger(int items) : times_(items) {}
  void got(int item) { ++times_[item]; }
  [[nodiscard]] bool all_once() const {
    for (const auto& times : times_) {
      if (times != 1) return false;
    }
    return true;
  }
  [[nodiscard]] int seen(int item) const { return times_[item]; }

 private:
  std::vector<std::atomic<int>> times_;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "an item that was handed to a greenlet is got, whatever comes before it runs",
                 "[queue]") {
  for (const bool kill_first : {false, true}) {
    Queue<int> queue;
    int got = 0;
    bool next = false;
    auto getter = spawn([&] {
      got = queue.get(1h);
      sleep(0);
      next = true;
    });
    settle();
    if (kill_first) getter.kill(Deadline::now());
    queue.put(1);
    if (!kill_first) getter.kill(Deadline::now());
    getter.join();
    CHECK(got == 1);
    CHECK_FALSE(next);
    CHECK(queue.empty());
  }
}

TEST_CASE_METHOD(LibraryFixture, "a deadline that passes before the getter runs takes nothing from it", "[queue]") {
  Queue<int> queue;
  const Deadline deadline = Deadline::in(200ms);  // long enough for busy cores to come to put()
  auto getter = spawn([&] { return queue.get(deadline); });
  settle();
  queue.put(1);
  while (!deadline.has_passed()) {
  }
  CHECK(getter.get() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "who is killed while it waits to get leaves the item to the next", "[queue]") {
  Queue<int> queue;
  auto first = spawn([&] { return queue.get(); });
  auto second = spawn([&] { return queue.get(); });
  settle();
  first.kill();
  queue.put(1);
  CHECK(second.get() == 1);
  CHECK_THROWS_AS(first.get(), GreenletExit);
}

TEST_CASE_METHOD(LibraryFixture, "who is killed while it waits to put has not put; who was let in has", "[queue]") {
  const auto item = std::make_shared<int>(1);
  Queue<std::shared_ptr<int>> queue(1);
  queue.put(nullptr);
  auto killed = spawn([&] { queue.put(item); });
  settle();
  CHECK(item.use_count() == 2);
  killed.kill();
  CHECK(item.use_count() == 1);
  auto let_in = spawn([&] { queue.put(item); });
  settle();
  CHECK(queue.get() == nullptr);
  let_in.kill();
  CHECK(queue.get() == item);
  CHECK_FALSE(queue.try_get().has_value());
}

TEST_CASE_METHOD(LibraryFixture, "a Timeout ends the wait of its greenlet for a queue, and takes nothing", "[queue]") {
  Queue<int> empty, full(std::vector{0}, 1);
  const auto times_out = [](auto wait) {
    try {
      Timeout timeout(1ms);
      wait();
    } catch (const Timeout&) {
      return true;
    }
    return false;
  };
  const bool get = times_out([&] { empty.get(); }), put = times_out([&] { full.put(1); });
  const bool peek = times_out([&] { empty.peek(); }), join = times_out([&] { full.join(); });
  CHECK((get && put && peek && join));
  CHECK(full.get() == 0);
  CHECK(full.empty());
}

TEST_CASE_METHOD(LibraryFixture, "threads and greenlets that give up now and then lose nothing", "[queue]") {
  constexpr int items = 4000, putters = 4;
  const std::size_t limit = GENERATE(0, 1, 3, SIZE_MAX);
  Queue<int> queue(limit);
  Ledger ledger(items);
  std::atomic<int> left = items;
  const auto patience = [](std::minstd_rand& random) { return std::chrono::microseconds(random() % 200); };
  const auto put = [&](int which) {
    std::minstd_rand random(which + 1);
    for (int item = which; item < items; item += putters) {
      while (!queue.try_put(item, patience(random))) {
      }
    }
  };
  const auto get = [&](int which) {
    std::minstd_rand random(which + 100);
    while (left > 0) {
      const auto item = queue.try_get(patience(random));
      if (!item) continue;
      ledger.got(*item);
      --left;
    }
  };
  Threads threads;
  std::vector<Greenlet<void>> greenlets;
  for (int i = 0; i < putters; ++i) {
    i % 2 == 0 ? threads.add([&, i] { put(i); }) : greenlets.push_back(spawn(put, i));
    i % 2 == 1 ? threads.add([&, i] { get(i); }) : greenlets.push_back(spawn(get, i));
  }
  threads.join();
  for (const auto& greenlet : greenlets) greenlet.get();
  CHECK(ledger.all_once());
  CHECK(queue.empty());
  CHECK(queue.unfinished_tasks() == items);
}

TEST_CASE_METHOD(LibraryFixture, "greenlets that are killed by threads lose nothing", "[queue]") {
  constexpr int rounds = 500;
  Queue<int> queue(1);
  Ledger ledger(rounds);
  std::vector<char> was_put(rounds);
  for (int i = 0; i < rounds; ++i) {
    auto putter = spawn([&, i] {
      queue.put(i);
      was_put[i] = 1;
    });
    auto getter = spawn([&] { ledger.got(queue.get()); });
    auto next = spawn([&] { ledger.got(queue.get()); });
    if (i % 3 == 0) sleep(0);
    Threads threads;
    threads.add([&] {
      (i % 2 == 0 ? AnyGreenlet(putter) : AnyGreenlet(getter)).kill(Deadline::now());
      next.kill(Deadline::now());
    });
    threads.join();
    putter.join();
    if (const auto rest = queue.try_get()) ledger.got(*rest);
    getter.kill();
    next.join();
  }
  bool exact = true;
  for (int i = 0; i < rounds; ++i) exact &= ledger.seen(i) == was_put[i];
  CHECK(exact);
}

TEST_CASE_METHOD(LibraryFixture, "shutdown from a thread finds all who wait, and what was put is got", "[queue]") {
  for (int round = 0; round < 100; ++round) {
    Queue<int> queue(2);
    std::atomic<int> put = 0, got = 0;
    std::vector<Greenlet<void>> greenlets;
    for (int i = 0; i < 3; ++i) {
      greenlets.push_back(spawn([&] {
        while (queue.try_put(1, Deadline::never())) ++put;
      }));
      greenlets.push_back(spawn([&] {
        for ([[maybe_unused]] int item : queue) ++got;
      }));
    }
    Threads threads;
    threads.add([&] {
      for (int i = 0; i < round % 10; ++i) put += queue.try_put(1, 1s) ? 1 : 0;
      queue.shutdown();
    });
    threads.join();
    for (const auto& greenlet : greenlets) greenlet.get();
    if (put != got) FAIL("put " << put << ", got " << got);
  }
}

TEST_CASE_METHOD(LibraryFixture, "an item whose move or copy throws is not put, and the queue goes on", "[queue]") {
  struct Fragile {
    explicit Fragile(int moves) : moves_left(moves) {}
    Fragile(Fragile&& other) : moves_left(other.moves_left - 1) {
      if (moves_left < 0) throw std::runtime_error("broken");
    }
    Fragile(const Fragile& other) : Fragile(Fragile(other.moves_left)) {}
    int moves_left;
  };
  Queue<Fragile> queue(1);
  CHECK_THROWS_AS(queue.put(Fragile(0)), std::runtime_error);
  CHECK(queue.empty());
  queue.put(Fragile(1));
  CHECK_THROWS_AS(queue.peek(), std::runtime_error);
  CHECK(queue.qsize() == 1);
  CHECK_THROWS_AS(queue.get(), std::runtime_error);  // lost, as documented
  CHECK(queue.empty());
  queue.put(Fragile(10));
  CHECK(queue.get().moves_left > 0);
}

TEST_CASE_METHOD(LibraryFixture, "constructors and destructors of items may wait, and use the queue", "[queue]") {
  struct Slow {
    explicit Slow(Queue<Slow>& of) : queue(&of) {}
    Slow(Slow&& other) noexcept : queue(std::exchange(other.queue, nullptr)) { sleep(0); }
    Slow(const Slow& other) : queue(other.queue) { sleep(1ms); }
    ~Slow() {
      sleep(0);
      if (queue != nullptr) static_cast<void>(queue->qsize());
    }
    Queue<Slow>* queue;
  };
  Queue<Slow> queue(2);
  auto puts = spawn([&] {
    for (int i = 0; i < 5; ++i) queue.put(Slow(queue));
  });
  settle();
  auto peeks = spawn([&] { return queue.peek().queue == &queue; });  // holds the items while it copies
  sleep(0);
  int got = 0;
  for (int i = 0; i < 5; ++i) got += queue.get().queue == &queue ? 1 : 0;
  puts.get();
  CHECK(got == 5);
  CHECK(peeks.get());
  queue.put(Slow(queue));
  queue.shutdown(true);
}

TEST_CASE_METHOD(LibraryFixture, "what is put while somebody copies an item keeps its place", "[queue]") {
  struct Item {
    explicit Item(int number) : number(number) {}
    Item(Item&& other) noexcept = default;
    Item(const Item& other) : number(other.number) { sleep(1ms); }
    int number;
  };
  Queue<Item> first_in;
  LifoQueue<Item> last_in;
  for (Queue<Item>* queue : {&first_in, static_cast<Queue<Item>*>(&last_in)}) {
    queue->put(Item(1));
    auto peeks = spawn([&] { return queue->peek().number; });
    sleep(0);
    queue->put(Item(2));
    const int a = queue->get().number, b = queue->get().number;  // waits for the copy
    CHECK(std::vector{a, b} == (queue == &first_in ? std::vector{1, 2} : std::vector{2, 1}));
    CHECK(peeks.get() == 1);
  }
}
