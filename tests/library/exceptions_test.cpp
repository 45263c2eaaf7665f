// Exceptions in flight while greenlets switch, and what greenlets of one kernel thread share.
#include <cerrno>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

struct Number : std::exception {
  explicit Number(int value) : value(value) {}
  int value;
};

int number_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Number& number) {
    return number.value;
  } catch (...) {
    return -1;
  }
}

// Waits while an exception unwinds its scope.
struct WaitsAtEnd {
  explicit WaitsAtEnd(std::vector<int>& seen) : seen(seen) {}
  ~WaitsAtEnd() {
    seen.push_back(std::uncaught_exceptions());
    sleep(1ms);
    seen.push_back(std::uncaught_exceptions());
  }
  WaitsAtEnd(const WaitsAtEnd&) = delete;
  WaitsAtEnd& operator=(const WaitsAtEnd&) = delete;
  std::vector<int>& seen;
};

// Throws `value`, and waits in its handler and in one within, `rounds` times.
bool keeps_its_exceptions(int value, int rounds) {
  bool kept = true;
  for (int round = 0; round < rounds; ++round) {
    try {
      throw Number(value);
    } catch (const Number& outer) {
      sleep(0);
      try {
        throw Number(value + 1);
      } catch (const Number& inner) {
        sleep(0);
        kept = kept && inner.value == value + 1 && number_of(std::current_exception()) == value + 1;
      }
      sleep(0);
      kept = kept && outer.value == value && number_of(std::current_exception()) == value;
    }
    kept = kept && std::current_exception() == nullptr;
  }
  return kept;
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "greenlets that wait in handlers keep each its own exceptions", "[exceptions]") {
  std::vector<Greenlet<bool>> greenlets;
  for (int i = 0; i < 20; ++i) greenlets.push_back(spawn(keeps_its_exceptions, 10 * i, 1 + i));
  int kept = 0;
  for (const auto& greenlet : greenlets) kept += greenlet.get() ? 1 : 0;
  CHECK(kept == 20);
}

TEST_CASE_METHOD(LibraryFixture, "throw; after a wait throws the handler's own exception", "[exceptions]") {
  const auto rethrows = [](int value) {
    try {
      throw Number(value);
    } catch (...) {
      sleep(1ms);
      throw;
    }
  };
  const auto one = spawn(rethrows, 1), two = spawn(rethrows, 2);
  one.join();
  two.join();
  CHECK(number_of(one.exception()) == 1);
  CHECK(number_of(two.exception()) == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet may wait while it unwinds, and no other is unwinding then",
                 "[exceptions]") {
  std::vector<int> first, second;
  int of_another = -1;
  const auto unwinds = [](std::vector<int>& seen) {
    const WaitsAtEnd object(seen);
    throw Number(3);
  };
  const auto one = spawn(unwinds, std::ref(first)), two = spawn(unwinds, std::ref(second));
  const auto other = spawn([&] { of_another = std::uncaught_exceptions(); });
  one.join();
  two.join();
  other.join();
  CHECK(first == std::vector{1, 1});
  CHECK(second == std::vector{1, 1});
  CHECK(of_another == 0);
  CHECK(number_of(one.exception()) == 3);
}

TEST_CASE_METHOD(LibraryFixture, "a kill that comes in a handler unwinds through it", "[exceptions]") {
  bool outer_is_left = false;
  const auto greenlet = spawn([&] {
    const auto note = std::shared_ptr<void>(nullptr, [&](void*) { outer_is_left = true; });
    try {
      throw Number(1);
    } catch (const Number&) {
      sleep(1h);
    }
  });
  sleep(0);
  greenlet.kill();
  CHECK(outer_is_left);
  CHECK(greenlet.successful());
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE_METHOD(LibraryFixture, "an exception of a kernel thread is caught in a greenlet, by its type",
                 "[exceptions]") {
  std::exception_ptr error;
  Event thrown;
  std::thread thread([&] {
    try {
      throw Number(5);
    } catch (...) {
      error = std::current_exception();
    }
    thrown.set();
  });
  const auto greenlet = spawn([&] {
    thrown.wait();
    std::rethrow_exception(error);
  });
  greenlet.join();
  thread.join();
  CHECK(number_of(greenlet.exception()) == 5);
}

TEST_CASE_METHOD(LibraryFixture, "errno is each greenlet's own", "[exceptions]") {
  const auto keeps = [](int value) {
    errno = value;
    sleep(1ms);
    return errno == value;
  };
  const auto one = spawn(keeps, EINTR), two = spawn(keeps, EPIPE);
  const bool both = one.get() && two.get();
  CHECK(both);
}

// In library mode. What belongs to a greenlet is a local<T>.
TEST_CASE_METHOD(LibraryFixture, "thread_local is per kernel thread: all greenlets of the hub share it",
                 "[exceptions]") {
  static thread_local int here = 0;
  const auto set = spawn([] { return &(here = 7); });
  int* const of_greenlet = set.get();
  int in_thread = -1;
  std::thread([&] { in_thread = here; }).join();
  CHECK(of_greenlet == &here);
  CHECK(here == 7);
  CHECK(in_thread == 0);
  here = 0;
}
