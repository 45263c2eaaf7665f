// gevent.joinall, killall: what their documentation promises.
#include <stdexcept>
#include <string>
#include <vector>

#include "evergreen/wait.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

Greenlet<int> after(std::chrono::milliseconds length, int result) {
  return spawn([=] {
    sleep(length);
    return result;
  });
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "joinall returns those that ended by the deadline, whatever ended them", "[wait]") {
  auto bad = spawn([]() -> int { throw std::domain_error("bad"); });
  bad.join();
  auto good = after(1ms, 1);
  auto slow = after(1h, 3);
  const auto dead = joinall(std::vector{slow, good, bad}, 100ms);
  CHECK(dead == std::vector{bad, good});
  CHECK_FALSE(slow.dead());
  const auto one = joinall({good, slow}, Deadline::never(), false, 1);
  CHECK(one == std::vector<AnyGreenlet>{good});
  slow.kill();
}

TEST_CASE_METHOD(LibraryFixture, "joinall with raise_error throws the first error at once", "[wait]") {
  auto slow = after(1h, 1);
  auto exits = spawn([]() -> int { throw GreenletExit(); });
  auto bad = spawn([]() -> int {
    sleep(1ms);
    throw std::domain_error("bad");
  });
  CHECK_THROWS_AS(joinall({slow, exits, bad}, Deadline::never(), true), std::domain_error);
  slow.kill();
  const auto dead = joinall({slow, exits}, Deadline::never(), true);  // GreenletExit is no error
  CHECK(dead.size() == 2);
}

TEST_CASE_METHOD(LibraryFixture, "killall tells all before it waits for any", "[wait]") {
  std::string order;
  const auto run = [&](std::string name) {
    try {
      sleep(1h);
    } catch (const GreenletExit&) {
      order += name + " told ";
      sleep(1ms);
      order += name + " ends ";
      throw;
    }
  };
  const std::vector<Greenlet<void>> greenlets{spawn(run, "a"), spawn(run, "b")};
  settle();
  const bool all_dead = killall(greenlets);
  CHECK(all_dead);
  CHECK(order == "a told b told a ends b ends ");
}

TEST_CASE_METHOD(LibraryFixture, "killall never lets those run that have not started", "[wait]") {
  bool ran = false;
  const auto run = [&] { ran = true; };
  const std::vector<Greenlet<void>> greenlets{spawn(run), spawn_later(1h, run)};
  const bool all_dead = killall(greenlets, Deadline::now());
  CHECK(all_dead);
  settle();
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(LibraryFixture, "killall throws what it is given, and returns false at its deadline", "[wait]") {
  Event go;
  int caught = 0;
  const auto run = [&] {
    try {
      sleep(1h);
    } catch (const std::domain_error&) {
      ++caught;
      go.wait();
    }
  };
  const std::vector<Greenlet<void>> greenlets{spawn(run), spawn(run)};
  settle();
  const bool all_dead = killall(greenlets, std::domain_error("away"), 1ms);
  CHECK_FALSE(all_dead);
  CHECK(caught == 2);
  go.set();
  joinall(greenlets, Deadline::never(), true);
}

TEST_CASE_METHOD(LibraryFixture, "who is in its own killall ends there, when all the others have been told", "[wait]") {
  std::vector<AnyGreenlet> greenlets;
  bool after_it = false;
  auto self = spawn([&] {
    killall(greenlets);
    after_it = true;
  });
  auto other = spawn([] { sleep(1h); });
  greenlets = {self, other};
  joinall(greenlets);
  CHECK_FALSE(after_it);
  CHECK(other.successful());
}
