// gevent.Greenlet: what its documentation promises.
#include "evergreen/greenlet.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/event.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

struct Oops : std::runtime_error {
  explicit Oops(int code) : runtime_error("oops"), code(code) {}
  int code;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "get returns the result, each time", "[greenlet]") {
  auto greenlet = spawn([](int a, const std::string& b) { return std::to_string(a) + b; }, 4, "2");
  CHECK_FALSE(greenlet.dead());
  CHECK_FALSE(greenlet.started());
  const std::string first = greenlet.get(), again = greenlet.get();
  CHECK(first == "42");
  CHECK(again == "42");
  CHECK(greenlet.dead());
  CHECK(greenlet.ready());
  CHECK(greenlet.successful());
  CHECK_FALSE(greenlet.started());
  CHECK(greenlet.exception() == nullptr);
}

TEST_CASE_METHOD(LibraryFixture, "get of a result that can only be moved gives it to the first", "[greenlet]") {
  auto greenlet = spawn([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7));
  const auto result = greenlet.get();
  CHECK(*result == 7);
  CHECK_THROWS_AS(greenlet.get(), std::logic_error);
}

TEST_CASE_METHOD(LibraryFixture, "get of a reference returns that one", "[greenlet]") {
  int x = 1;
  auto greenlet = spawn([&]() -> int& { return x; });
  int& result = greenlet.get();
  CHECK(&result == &x);
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet runs when the running one waits, and not before", "[greenlet]") {
  std::string order;
  auto a = spawn([&] { order += 'a'; });
  auto b = spawn([&] { order += 'b'; });
  order += 'm';
  sleep(0);
  CHECK(order == "mab");
}

TEST_CASE_METHOD(LibraryFixture, "get rethrows the original exception with its type", "[greenlet]") {
  auto greenlet = spawn([]() -> int { throw Oops(3); });
  greenlet.set_name("thrower");
  const bool joined = greenlet.join();
  CHECK(joined);
  CHECK_FALSE(greenlet.successful());
  CHECK(greenlet.exception() != nullptr);
  for (int i = 0; i < 2; ++i) {
    int code = 0;
    try {
      greenlet.get();
    } catch (const Oops& oops) {
      code = oops.code;
    }
    CHECK(code == 3);
  }
}

TEST_CASE_METHOD(LibraryFixture, "get with a deadline throws Timeout, join returns false, and the greenlet goes on",
                 "[greenlet]") {
  Event go;
  auto greenlet = spawn([&] {
    go.wait();
    return 1;
  });
  const bool joined = greenlet.join(1ms);
  CHECK_FALSE(joined);
  CHECK_THROWS_AS(greenlet.get(1ms), Timeout);
  CHECK(greenlet.started());
  go.set();
  const int result = greenlet.get();
  CHECK(result == 1);
}

TEST_CASE_METHOD(LibraryFixture, "kill throws GreenletExit at the wait, and runs destructors", "[greenlet]") {
  bool destroyed = false, after = false;
  struct Sets {
    ~Sets() { flag = true; }
    bool& flag;
  };
  auto greenlet = spawn([&] {
    const Sets sets{destroyed};
    Event never;
    never.wait();
    after = true;
  });
  settle();
  CHECK(greenlet.started());
  const bool dead = greenlet.kill();
  CHECK(dead);
  CHECK(destroyed);
  CHECK_FALSE(after);
  CHECK(greenlet.successful());  // gevent: a GreenletExit is no error
  CHECK(greenlet.exception() == nullptr);
  CHECK_THROWS_AS(greenlet.get(), GreenletExit);
}

TEST_CASE_METHOD(LibraryFixture, "kill of one that has not started never runs it, and destroys its function",
                 "[greenlet]") {
  bool ran = false;
  const auto alive = std::make_shared<int>(1);
  auto greenlet = spawn([&ran, alive] { ran = true; });
  greenlet.kill(Deadline::now());
  CHECK(greenlet.dead());
  settle();
  CHECK_FALSE(ran);
  CHECK(alive.use_count() == 1);
  auto later = spawn_later(1h, [&ran, alive] { ran = true; });
  settle();
  CHECK_FALSE(later.started());
  later.kill();
  CHECK(later.dead());
  settle();
  CHECK_FALSE(ran);
  CHECK(alive.use_count() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "kill throws what it is given", "[greenlet]") {
  int code = 0;
  auto greenlet = spawn([&] {
    try {
      sleep(1h);
    } catch (const Oops& oops) {
      code = oops.code;
    }
    return code;
  });
  settle();
  greenlet.kill(Oops(5));
  CHECK(code == 5);
  const int result = greenlet.get();  // it has caught it: the value counts
  CHECK(result == 5);
}

TEST_CASE_METHOD(LibraryFixture, "a killed greenlet may wait in its destructors, and for long", "[greenlet]") {
  Event go;
  bool done = false;
  auto greenlet = spawn([&] {
    try {
      sleep(1h);
    } catch (const GreenletExit&) {
      go.wait();
      done = true;
      throw;
    }
  });
  settle();
  const bool dead = greenlet.kill(1ms);
  CHECK_FALSE(dead);
  go.set();
  greenlet.join();
  CHECK(done);
}

TEST_CASE_METHOD(LibraryFixture, "a destructor that waits while its greenlet is killed is not killed again",
                 "[greenlet]") {
  Event go;
  bool done = false;
  struct Waits {
    ~Waits() {
      sleep(1ms);
      done = go.wait();
    }
    Event& go;
    bool& done;
  };
  auto greenlet = spawn([&] {
    Timeout timeout(5ms);
    const Waits waits{go, done};
    sleep(1h);
  });
  settle();
  greenlet.kill(Deadline::now());
  sleep(3ms);
  const bool dead = greenlet.kill(10ms);
  CHECK_FALSE(dead);
  go.set();
  greenlet.join();
  CHECK(done);
  CHECK_THROWS_AS(greenlet.get(), GreenletExit);
}

TEST_CASE_METHOD(LibraryFixture, "a kill that finds the greenlet ready is thrown at its next wait", "[greenlet]") {
  Event event;
  bool got = false, next = false;
  auto greenlet = spawn([&] {
    got = event.wait();
    sleep(0);
    next = true;
  });
  settle();
  event.set();  // it is ready from now on
  greenlet.kill();
  CHECK(got);
  CHECK_FALSE(next);
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet that kills itself ends right there", "[greenlet]") {
  bool after = false;
  auto greenlet = spawn([&] {
    getcurrent().kill();
    after = true;
  });
  greenlet.join();
  CHECK_FALSE(after);
  CHECK(greenlet.successful());
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet that joins itself can be killed, and times out", "[greenlet]") {
  bool timed_out = false;
  auto greenlet = spawn([&] {
    timed_out = !getcurrent().join(1ms);
    getcurrent().join();
  });
  while (!timed_out) sleep(1ms);
  settle();
  greenlet.kill();
  CHECK(greenlet.successful());
}

TEST_CASE_METHOD(LibraryFixture, "spawn_later begins not before its time", "[greenlet]") {
  const Deadline begin = Deadline::in(5ms);
  auto greenlet = spawn_later(begin, [&] { return begin.has_passed(); });
  const bool in_time = greenlet.get();
  CHECK(in_time);
}

TEST_CASE_METHOD(LibraryFixture, "links are called with the dead greenlet, in greenlets of their own", "[greenlet]") {
  std::vector<std::string> seen;
  auto good = spawn([] { return 1; });
  auto bad = spawn([] { throw GreenletExit(); });
  auto ugly = spawn([] { throw Oops(1); });
  for (const AnyGreenlet& greenlet : {AnyGreenlet(good), AnyGreenlet(bad), AnyGreenlet(ugly)}) {
    greenlet.link([&seen, greenlet](const AnyGreenlet& dead) {
      CHECK(dead == greenlet);
      CHECK(dead.dead());
      CHECK_FALSE(getcurrent() == dead);
      sleep(1ms);  // holds up nobody
      seen.push_back("any");
    });
    greenlet.link_value([&](const AnyGreenlet&) { seen.push_back("value"); });
    greenlet.link_exception([&](const AnyGreenlet&) { seen.push_back("exception"); });
  }
  const auto removed = good.link([&](const AnyGreenlet&) { seen.push_back("removed"); });
  good.unlink(removed);
  ugly.join();
  sleep(5ms);
  while (seen.size() < 6) sleep(1ms);
  CHECK(seen == std::vector<std::string>{"value", "value", "exception", "any", "any", "any"});
}

TEST_CASE_METHOD(LibraryFixture, "a link to a dead greenlet still fires", "[greenlet]") {
  auto greenlet = spawn([] {});
  greenlet.join();
  Event fired;
  greenlet.link([&](const AnyGreenlet&) { fired.set(); });
  CHECK_FALSE(fired.is_set());
  const bool has_fired = fired.wait(30s);
  CHECK(has_fired);
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet outlives its handles, and a handle its greenlet", "[greenlet]") {
  const auto alive = std::make_shared<int>(1);
  Event done;
  spawn([&done, alive] {
    sleep(1ms);
    done.set();
  });
  done.wait();
  settle();
  CHECK(alive.use_count() == 1);
  Greenlet<std::shared_ptr<int>> kept = spawn([alive] { return alive; });
  kept.join();
  CHECK(alive.use_count() == 2);
  kept = {};
  settle();
  CHECK(alive.use_count() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "getcurrent is the running greenlet's handle", "[greenlet]") {
  const AnyGreenlet main = getcurrent();
  AnyGreenlet inside;  // as a result it would own itself
  auto greenlet = spawn([&] { inside = getcurrent(); });
  greenlet.join();
  CHECK(inside == greenlet);
  CHECK(inside.name() == "Greenlet-" + std::to_string(inside.id()));
  CHECK(getcurrent() == main);
  AnyGreenlet of_thread;
  std::thread([&] { of_thread = getcurrent(); }).join();
  CHECK_FALSE(of_thread == main);
  CHECK(of_thread.dead());
}

TEST_CASE_METHOD(LibraryFixture, "a plain thread spawns, joins, gets and kills", "[greenlet]") {
  Event never;
  int result = 0;
  std::atomic<bool> killed = false;
  const auto main_thread = std::this_thread::get_id();
  std::thread thread([&] {
    result = spawn([&] { return std::this_thread::get_id() == main_thread ? 42 : 0; }).get();
    auto parked = spawn([&] { never.wait(); });
    while (!parked.started()) std::this_thread::yield();
    killed = parked.kill();
  });
  Event wait_a_little;
  while (!killed) wait_a_little.wait(1ms);
  thread.join();
  CHECK(result == 42);
  CHECK(killed);
}

TEST_CASE_METHOD(LibraryFixture, "of a kill and a result that come at once, from two threads, one wins", "[greenlet]") {
  int results = 0, exits = 0;
  for (int i = 0; i < 2000; ++i) {
    Event event;
    auto greenlet = spawn([&] {
      event.wait();
      return 1;
    });
    sleep(0);
    std::thread killer([&] { greenlet.kill(Deadline::now()); });
    event.set();
    try {
      results += greenlet.get();
    } catch (const GreenletExit&) {
      ++exits;
    }
    killer.join();
  }
  CHECK(results + exits == 2000);
}
