// gevent.hub.Hub and gevent.util: what their documentation promises.
#include "evergreen/hub.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/loop_exit.h"
#include "evergreen/run_info.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "join waits until no greenlet is left, those spawned meanwhile too", "[hub]") {
  int ended = 0;
  spawn([&] {
    sleep(1ms);
    spawn_later(1ms, [&] { ++ended; });
    ++ended;
  });
  const bool joined = get_hub().join();
  CHECK(joined);
  CHECK(ended == 2);
  get_hub().run();  // at once: nothing is left
}

TEST_CASE_METHOD(LibraryFixture, "join returns false when its deadline passes first", "[hub]") {
  Event go;
  const auto waiting = spawn([&] { go.wait(); });
  CHECK_FALSE(get_hub().join(2ms));
  CHECK_FALSE(get_hub().join(Deadline::now()));
  CHECK_FALSE(waiting.dead());
  go.set();
  CHECK(get_hub().join(1h));
}

TEST_CASE_METHOD(LibraryFixture, "a timeout ends join", "[hub]") {
  Event go;
  spawn([&] { go.wait(); });
  Timeout timeout(1ms);
  CHECK_THROWS_AS(get_hub().join(), Timeout);
  timeout.cancel();
  go.set();
  get_hub().join();
}

TEST_CASE_METHOD(LibraryFixture, "join goes on waiting while a kernel thread may wake a greenlet", "[hub]") {
  Event go;
  bool ran = false;
  spawn([&] {
    go.wait();
    ran = true;
  });
  std::thread setter([&] {
    std::this_thread::sleep_for(60ms);
    go.set();
  });
  get_hub().join();
  setter.join();
  CHECK(ran);
}

TEST_CASE_METHOD(LibraryFixture, "only the main greenlet joins or steps", "[hub]") {
  const auto other = spawn([] {
    CHECK_THROWS_AS(get_hub().join(), std::logic_error);
    CHECK_THROWS_AS(get_hub().step(), std::logic_error);
    CHECK_THROWS_AS(get_hub().fd(), std::logic_error);
  });
  other.get();
  std::thread thread([] { CHECK_THROWS_AS(get_hub().join(), std::logic_error); });
  thread.join();
}

TEST_CASE_METHOD(LibraryFixture, "spawn_from_thread runs a greenlet on the hub's kernel thread", "[hub]") {
  const auto here = std::this_thread::get_id();
  std::thread::id ran_on;
  std::atomic<int> result = 0;
  std::thread thread([&] {
    const Greenlet<int> greenlet = get_hub().spawn_from_thread(
        [&](int x) {
          ran_on = std::this_thread::get_id();
          return 2 * x;
        },
        21);
    result = greenlet.get();
  });
  while (result == 0) sleep(1ms);
  thread.join();
  CHECK(ran_on == here);
  CHECK(result == 42);
}

TEST_CASE_METHOD(LibraryFixture, "idle waits until nobody else is ready", "[hub]") {
  std::string order;
  const auto patient = spawn([&] {
    idle();
    order += 'i';
  });
  spawn([&] {
    for (int i = 0; i < 3; ++i) {
      order += 'b';
      sleep(0);
    }
  });
  patient.join();
  CHECK(order == "bbbi");
}

TEST_CASE_METHOD(LibraryFixture, "several who idle do not wait for one another", "[hub]") {
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    spawn([&] {
      for (int round = 0; round < 5; ++round) idle();
      ++done;
    });
  }
  get_hub().join();
  CHECK(done == 3);
}

TEST_CASE_METHOD(LibraryFixture, "idle is ended by kill and by a timeout", "[hub]") {
  bool stop = false, timed_out = false;
  const auto busy = spawn([&] {
    while (!stop) sleep(0);
  });
  const auto killed = spawn([&] { idle(); });
  const auto limited = spawn([&] {
    try {
      Timeout timeout(1ms);
      idle();
    } catch (const Timeout&) {
      timed_out = true;
    }
  });
  sleep(0);
  killed.kill();
  limited.join();
  stop = true;
  busy.join();
  CHECK(killed.dead());
  CHECK(timed_out);
}

TEST_CASE_METHOD(LibraryFixture, "errors that nobody handles go to the handler, exits do not", "[hub]") {
  std::vector<std::string> errors;
  const ErrorHandler before =
      get_hub().set_error_handler([&](const AnyGreenlet& greenlet, const std::exception_ptr& error) {
        try {
          std::rethrow_exception(error);
        } catch (const std::runtime_error& caught) {
          errors.push_back(greenlet.name() + ": " + caught.what());
        }
      });
  CHECK_FALSE(before);
  const auto failing = spawn([] { throw std::runtime_error("broken"); });
  failing.set_name("worker");
  const auto leaving = spawn([] { throw GreenletExit(); });
  failing.join();
  leaving.join();
  const ErrorHandler mine = get_hub().set_error_handler(nullptr);
  CHECK(mine);
  CHECK(errors == std::vector<std::string>{"worker: broken"});
  CHECK_THROWS_AS(failing.get(), std::runtime_error);
}

TEST_CASE_METHOD(LibraryFixture, "an exception of the handler of errors ends nothing else", "[hub]") {
  get_hub().set_error_handler([](const AnyGreenlet&, const std::exception_ptr&) { throw std::logic_error("oops"); });
  const auto failing = spawn([] { throw std::runtime_error("broken"); });
  failing.join();
  get_hub().set_error_handler(nullptr);
  CHECK_THROWS_AS(failing.get(), std::runtime_error);
}

TEST_CASE_METHOD(LibraryFixture, "run info names all greenlets and what they wait for", "[hub]") {
  Event go;
  const auto waiting = spawn([&] { go.wait(); });
  waiting.set_name("waiter");
  const auto sleeping = spawn([] { sleep(1h); });
  sleeping.set_name("sleeper");
  sleep(0);
  const auto fresh = spawn([] {});
  fresh.set_name("fresh");
  const std::vector<std::string> lines = format_run_info();
  CHECK(lines == std::vector<std::string>{"main: runs", "waiter: Event::wait", "sleeper: sleep", "fresh: ready"});
  const std::vector<RunInfo> infos = run_info();
  CHECK(infos.size() == 4);
  CHECK(infos[1].greenlet == waiting);
  go.set();
  sleeping.kill();
  std::thread thread([] { CHECK_THROWS_AS(run_info(), std::logic_error); });
  thread.join();
}
