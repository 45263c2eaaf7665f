// gevent.local: what its documentation promises.
#include "evergreen/local.h"

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

struct Notes {
  explicit Notes(std::string& log, std::string name) : log(&log), name(std::move(name)) {}
  Notes(Notes&& other) noexcept : log(std::exchange(other.log, nullptr)), name(std::move(other.name)) {}
  ~Notes() {
    if (log != nullptr) *log += "~" + name + getcurrent().name();
  }
  std::string* log;
  std::string name;
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "each greenlet has its own value", "[local]") {
  local<int> number([] { return 2; });
  CHECK_FALSE(number.has_value());
  *number = 42;
  int seen = 0, mine = 0;
  auto greenlet = spawn([&] {
    seen = *number;
    *number = 11;
    sleep(0);
    mine = *number;
  });
  settle();
  CHECK(*number == 42);
  greenlet.get();
  CHECK(seen == 2);
  CHECK(mine == 11);
  number.reset();
  CHECK_FALSE(number.has_value());
  CHECK(*number == 2);
}

TEST_CASE_METHOD(LibraryFixture, "without a function it is made by the default constructor", "[local]") {
  local<std::vector<int>> list;
  list->push_back(1);
  CHECK(list.get().size() == 1);
  CHECK(spawn([&] { return list->size(); }).get() == 0);
  local<std::unique_ptr<int>> pointer;
  CHECK(*pointer == nullptr);
}

TEST_CASE_METHOD(LibraryFixture, "values are destroyed when the greenlet ends, in it, the newest first", "[local]") {
  std::string log;
  local<Notes> a([&] { return Notes(log, "a"); }), b([&] { return Notes(log, "b"); });
  auto greenlet = spawn([&] {
    a.get();
    b.get();
    sleep(0);
  });
  greenlet.set_name("!");
  settle();
  CHECK(log == "~b!~a!");
  CHECK(greenlet.dead());
}

TEST_CASE_METHOD(LibraryFixture, "a destructor of a value may wait, and use locals, and is not interrupted",
                 "[local]") {
  Event go;
  std::string log;
  local<std::string> text([] { return std::string("text"); });
  struct Waits {
    Waits(Event& event, std::string& log, local<std::string>& text) : event(event), log(log), text(text) {}
    ~Waits() {
      event.wait();
      log += *text;
    }
    Event& event;
    std::string& log;
    local<std::string>& text;
  };
  local<std::unique_ptr<Waits>> waits([&] { return std::make_unique<Waits>(go, log, text); });
  auto greenlet = spawn([&] {
    waits.get();
    *text = "other";
  });
  settle();
  CHECK_FALSE(greenlet.dead());
  const bool dead = greenlet.kill(1ms);
  CHECK_FALSE(dead);
  go.set();
  greenlet.get();
  CHECK(log == "text");  // made anew: the other one has been destroyed before
}

TEST_CASE_METHOD(LibraryFixture, "a killed greenlet's values are destroyed, too", "[local]") {
  std::string log;
  local<Notes> notes([&] { return Notes(log, "n"); });
  Event never;
  auto greenlet = spawn([&] {
    notes.get();
    never.wait();
  });
  greenlet.set_name("!");
  settle();
  greenlet.kill();
  CHECK(log == "~n!");
}

TEST_CASE_METHOD(LibraryFixture, "a function that throws is called again at the next use, and may wait", "[local]") {
  int calls = 0;
  local<int> number([&] {
    sleep(0);
    if (++calls == 1) throw std::runtime_error("not yet");
    return calls;
  });
  CHECK_THROWS_AS(number.get(), std::runtime_error);
  CHECK_FALSE(number.has_value());
  CHECK(*number == 2);
  CHECK(*number == 2);
}

TEST_CASE_METHOD(LibraryFixture, "a local that dies takes only its own greenlet's value with it", "[local]") {
  std::string log;
  Event go;
  auto notes = std::make_unique<local<Notes>>([&] { return Notes(log, "n"); });
  notes->get();
  auto greenlet = spawn([&] {
    notes->get();
    go.wait();
  });
  greenlet.set_name("!");
  settle();
  notes.reset();
  CHECK(log == "~n" + getcurrent().name());
  go.set();
  greenlet.get();
  CHECK(log == "~n" + getcurrent().name() + "~n!");
}

TEST_CASE_METHOD(LibraryFixture, "plain threads have their own, until they end", "[local]") {
  local<int> number([] { return 1; });
  const auto alive = std::make_shared<int>(0);
  local<std::shared_ptr<int>> held([&] { return std::shared_ptr<int>(alive); });
  *number = 5;
  int seen = 0;
  std::thread([&] {
    seen = *number;
    *number = 7;
    held.get();
  }).join();
  CHECK(seen == 1);
  CHECK(*number == 5);
  CHECK(alive.use_count() == 1);  // the thread's has gone with it
}
