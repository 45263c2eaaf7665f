// gevent.event.AsyncResult: what its documentation promises.
#include "evergreen/async_result.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

struct Oops : std::runtime_error {
  explicit Oops(int code) : runtime_error("oops"), code(code) {}
  int code;
};

int code_of(const AsyncResult<int>& result) {
  try {
    result.get(Deadline::now());
  } catch (const Oops& oops) {
    return oops.code;
  }
  return 0;
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "get returns what is set, to those who wait and to those who come later",
                 "[async_result]") {
  const AsyncResult<std::string> result;
  std::vector<std::string> got;
  auto a = spawn([&] { got.push_back("a " + result.get()); });
  auto b = spawn([&] { got.push_back("b " + result.get(30s)); });
  settle();
  CHECK(got.empty());
  CHECK_FALSE(result.ready());
  CHECK_FALSE(result.successful());
  CHECK(result.value() == nullptr);
  const bool first = result.set("x");
  CHECK(first);
  CHECK(result.ready());
  CHECK(result.successful());
  CHECK(result.exception() == nullptr);
  CHECK(*result.value() == "x");
  a.get();
  b.get();
  CHECK(got == std::vector<std::string>{"a x", "b x"});
  const std::string again = result.get_nowait();
  CHECK(again == "x");
}

TEST_CASE_METHOD(LibraryFixture, "get throws the exception that is set, with its type, each time", "[async_result]") {
  const AsyncResult<int> result;
  auto waiting = spawn([&] {
    try {
      return result.get();
    } catch (const Oops& oops) {
      return -oops.code;
    }
  });
  settle();
  const bool first = result.set_exception(Oops(3));
  CHECK(first);
  const int code = waiting.get();
  CHECK(code == -3);
  CHECK(code_of(result) == 3);
  CHECK(code_of(result) == 3);
  CHECK(result.ready());
  CHECK_FALSE(result.successful());
  CHECK(result.exception() != nullptr);
  CHECK(result.value() == nullptr);
  const bool waited = result.wait();
  CHECK(waited);
}

TEST_CASE_METHOD(LibraryFixture, "an exception_ptr is set as what it points to", "[async_result]") {
  const AsyncResult<int> result;
  result.set_exception(std::make_exception_ptr(Oops(4)));
  CHECK(code_of(result) == 4);
}

TEST_CASE_METHOD(LibraryFixture, "only the first result or exception counts", "[async_result]") {
  const AsyncResult<int> value, error;
  value.set(1);
  const bool second_value = value.set(2), second_error = value.set_exception(Oops(1));
  CHECK_FALSE(second_value);
  CHECK_FALSE(second_error);
  const int got = value.get();
  CHECK(got == 1);
  error.set_exception(Oops(1));
  const bool late = error.set(2);
  CHECK_FALSE(late);
  CHECK(code_of(error) == 1);
}

TEST_CASE_METHOD(LibraryFixture, "get of what is not ready throws Timeout at its deadline, wait returns false",
                 "[async_result]") {
  const AsyncResult<int> result;
  CHECK_THROWS_AS(result.get_nowait(), Timeout);
  const Deadline deadline = Deadline::in(3ms);
  CHECK_THROWS_AS(result.get(deadline), Timeout);
  CHECK(deadline.has_passed());
  const bool waited = result.wait(1ms);
  CHECK_FALSE(waited);
  result.set(5);
  const int got = result.get(Deadline::now());
  CHECK(got == 5);
}

TEST_CASE_METHOD(LibraryFixture, "a result that can only be moved is the first caller's", "[async_result]") {
  const AsyncResult<std::unique_ptr<int>> result;
  result.set(std::make_unique<int>(7));
  CHECK(**result.value() == 7);
  const auto got = result.get();
  CHECK(*got == 7);
  CHECK_THROWS_AS(result.get(), std::logic_error);
  CHECK(result.ready());
  CHECK(result.successful());
}

TEST_CASE_METHOD(LibraryFixture, "a result may be void, or a reference", "[async_result]") {
  const AsyncResult<void> done;
  auto waiting = spawn([&] { done.get(); });
  settle();
  done.set();
  waiting.get();
  CHECK(waiting.successful());
  int x = 1;
  const AsyncResult<int&> reference;
  reference.set(x);
  int& got = reference.get();
  CHECK(&got == &x);
  CHECK(reference.value() == &x);
}

TEST_CASE_METHOD(LibraryFixture, "copies are handles of one result, which lives as long as they do", "[async_result]") {
  const auto alive = std::make_shared<int>(1);
  AsyncResult<std::shared_ptr<int>> result;
  auto setter = spawn([result, alive] { result.set(alive); });
  const auto copy = result;
  CHECK(copy == result);
  setter.join();
  CHECK(copy.get() == alive);
  result = AsyncResult<std::shared_ptr<int>>();
  CHECK_FALSE(copy == result);
  CHECK_FALSE(result.ready());
  CHECK(alive.use_count() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a result whose constructor throws is not set", "[async_result]") {
  struct Picky {
    explicit Picky(int x) {
      if (x == 0) throw Oops(9);
    }
  };
  const AsyncResult<Picky> result;
  CHECK_THROWS_AS(result.set(0), Oops);
  CHECK_FALSE(result.ready());
  const bool set = result.set(1);
  CHECK(set);
}

TEST_CASE_METHOD(LibraryFixture, "as the target of a link it takes over result and exception", "[async_result]") {
  const AsyncResult<int> value, error, killed, of_another_type;
  spawn([] { return 42; }).link(value);
  spawn([]() -> int { throw Oops(5); }).link(error);
  auto sleeper = spawn([] {
    sleep(1h);
    return 1;
  });
  sleeper.link(killed);
  spawn([] { return std::string(); }).link(of_another_type);
  settle();
  sleeper.kill();
  const int got = value.get();
  CHECK(got == 42);
  CHECK_THROWS_AS(error.get(), Oops);
  CHECK_THROWS_AS(killed.get(), GreenletExit);
  CHECK_THROWS_AS(of_another_type.get(), std::logic_error);
}

TEST_CASE_METHOD(LibraryFixture, "who is killed or times out in get loses nothing", "[async_result]") {
  const AsyncResult<int> result;
  auto killed = spawn([&] { return result.get(); });
  auto timed = spawn([&] {
    Timeout timeout(1ms);
    return result.get();
  });
  settle();
  killed.kill();
  CHECK_THROWS_AS(killed.get(), GreenletExit);
  CHECK_THROWS_AS(timed.get(), Timeout);
  result.set(1);
  const int got = result.get();
  CHECK(got == 1);
}

TEST_CASE_METHOD(LibraryFixture, "who was woken by a result gets it, even if a kill or a deadline came, too",
                 "[async_result]") {
  const AsyncResult<int> result;
  int got = 0, got_late = 0;
  bool after = false;
  auto killed = spawn([&] {
    got = result.get();
    sleep(0);
    after = true;
  });
  const Deadline deadline = Deadline::in(2ms);
  auto late = spawn([&] { got_late = result.get(deadline); });
  settle();
  result.set(1);
  killed.kill(Deadline::now());
  while (!deadline.has_passed()) {
  }
  killed.join();
  late.get();
  CHECK(got == 1);
  CHECK_FALSE(after);
  CHECK(got_late == 1);
}

TEST_CASE_METHOD(LibraryFixture, "plain threads set and get results", "[async_result]") {
  for (int i = 0; i < 500; ++i) {
    const AsyncResult<int> request;
    const AsyncResult<std::string> reply;
    std::thread thread([=] { reply.set(std::to_string(request.get())); });
    request.set(i);
    const std::string got = reply.get();
    thread.join();
    if (got != std::to_string(i)) FAIL("got " << got);
  }
}

TEST_CASE_METHOD(LibraryFixture, "of several setters one wins, and of several takers of what can only be moved",
                 "[async_result]") {
  int set = 0, taken = 0, gone = 0;
  for (int i = 0; i < 500; ++i) {
    const AsyncResult<std::unique_ptr<int>> result;
    bool mine = false, its = false;
    std::unique_ptr<int> its_value;
    const auto take = [&] {
      try {
        return result.get();
      } catch (const std::logic_error&) {
        return std::unique_ptr<int>();
      }
    };
    std::thread thread([&] {
      its = result.set(std::make_unique<int>(1));
      its_value = take();
    });
    mine = result.set(std::make_unique<int>(2));
    const auto value = take();
    thread.join();
    set += int{mine} + int{its};
    taken += int{value != nullptr} + int{its_value != nullptr};
    gone += int{value == nullptr} + int{its_value == nullptr};
  }
  CHECK(set == 500);
  CHECK(taken == 500);
  CHECK(gone == 500);
}
