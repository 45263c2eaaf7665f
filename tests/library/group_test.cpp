// gevent.pool.Group: what its documentation promises.
#include "evergreen/group.h"

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
  Oops() : runtime_error("oops") {}
};

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "a group has the greenlets that run, and no dead ones", "[group]") {
  Group group;
  Event go;
  CHECK(group.empty());
  auto one = group.spawn([&](int x) { return go.wait() ? x : 0; }, 7);
  auto two = group.spawn([&] { go.wait(); });
  CHECK(group.size() == 2);
  CHECK(group.contains(one));
  CHECK(group.greenlets() == std::vector<AnyGreenlet>{one, two});
  CHECK_FALSE(group.contains(getcurrent()));
  go.set();
  CHECK(one.get() == 7);
  two.get();
  CHECK(group.empty());
  CHECK_FALSE(group.contains(one));
}

TEST_CASE_METHOD(LibraryFixture, "add tracks a greenlet that runs, discard lets it go, a dead one is nothing",
                 "[group]") {
  Group group;
  Event go;
  auto greenlet = spawn([&] { go.wait(); });
  group.add(greenlet);
  group.add(greenlet);
  CHECK(group.size() == 1);
  group.discard(greenlet);
  group.discard(greenlet);
  CHECK(group.empty());
  CHECK_FALSE(greenlet.dead());
  group.add(greenlet);
  go.set();
  CHECK(group.join());
  CHECK(greenlet.dead());
  group.add(greenlet);
  CHECK(group.empty());
}

TEST_CASE_METHOD(LibraryFixture, "join waits until the group is empty, once", "[group]") {
  Group group;
  CHECK(group.join());
  Event go;
  group.spawn([&] { go.wait(); });
  CHECK_FALSE(group.join(1ms));
  auto joins = spawn([&] { return group.join(); });
  settle();
  CHECK_FALSE(joins.dead());
  Event never;
  go.set();
  group.greenlets().front().join();
  group.spawn([&] { never.wait(); });  // no matter: it was empty
  CHECK(joins.get());
  CHECK(group.size() == 1);
  CHECK(group.kill());
}

TEST_CASE_METHOD(LibraryFixture, "join throws the error of a member only if it is asked to", "[group]") {
  Group group;
  group.spawn([] { throw Oops(); }).set_name("thrower");
  group.spawn([] { throw GreenletExit(); });
  CHECK(group.join());
  group.spawn([] { throw Oops(); }).set_name("thrower");
  group.spawn([] { throw GreenletExit(); });
  CHECK_THROWS_AS(group.join(Deadline::never(), true), Oops);
  group.spawn([] { throw GreenletExit(); });
  CHECK(group.join(Deadline::never(), true));
}

TEST_CASE_METHOD(LibraryFixture, "kill ends all members, runs their destructors, and waits for it", "[group]") {
  Group group;
  Event never;
  int cleaned = 0;
  bool ran = false;
  for (int i = 0; i < 3; ++i) {
    group.spawn([&] {
      try {
        never.wait();
      } catch (const GreenletExit&) {
        sleep(1ms);
        ++cleaned;
        throw;
      }
    });
  }
  settle();
  group.spawn([&] { ran = true; });  // has not started
  CHECK(group.kill());
  CHECK(cleaned == 3);
  CHECK_FALSE(ran);
  CHECK(group.empty());
  CHECK(group.kill());
}

TEST_CASE_METHOD(LibraryFixture, "kill throws what it is given, once, with a deadline, and kills who comes meanwhile",
                 "[group]") {
  Group group;
  Event never;
  int told = 0;
  group.spawn([&] {
    for (;;) {
      try {
        never.wait();
      } catch (const Oops&) {
        if (++told == 1) group.spawn([&] { never.wait(); });
      }
    }
  });
  settle();
  CHECK_FALSE(group.kill(Oops(), 2ms));
  CHECK_FALSE(group.kill(Oops(), Deadline::now()));  // all have been told
  settle();
  CHECK(told == 1);
  CHECK(group.size() >= 1);
  for (const AnyGreenlet& greenlet : group.greenlets()) greenlet.kill();
  CHECK(group.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a member that kills its group dies last", "[group]") {
  Group group;
  Event never;
  int killed = 0;
  bool after = false;
  for (int i = 0; i < 2; ++i) {
    group.spawn([&] {
      try {
        never.wait();
      } catch (const GreenletExit&) {
        ++killed;
      }
    });
  }
  auto killer = group.spawn([&] {
    sleep(0);
    group.kill();
    after = true;
  });
  killer.join();
  CHECK(group.join());
  CHECK(killed == 2);
  CHECK_FALSE(after);
}

TEST_CASE_METHOD(LibraryFixture, "killone kills a member, and nobody else", "[group]") {
  Group group;
  Event never;
  auto member = group.spawn([&] { never.wait(); }), other = group.spawn([&] { never.wait(); });
  auto stranger = spawn([&] { never.wait(); });
  settle();
  CHECK(group.killone(member));
  CHECK(member.dead());
  CHECK_FALSE(group.killone(stranger));
  CHECK_FALSE(stranger.dead());
  CHECK(group.greenlets() == std::vector<AnyGreenlet>{other});
  stranger.kill();
  group.kill();
}

TEST_CASE_METHOD(LibraryFixture, "a group's greenlets run on when it is gone", "[group]") {
  Event go;
  Greenlet<int> greenlet;
  {
    Group group;
    greenlet = group.spawn([&] {
      go.wait();
      return 1;
    });
  }
  go.set();
  CHECK(greenlet.get() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "threads spawn, join and kill in one group", "[group]") {
  Group group;
  Event never, done;
  std::atomic<int> ran = 0;
  std::thread thread([&] {
    for (int i = 0; i < 200; ++i) group.spawn([&] { ++ran; });
    group.join();
    for (int i = 0; i < 20; ++i) group.spawn([&] { never.wait(); });
    group.kill();
    done.set();
  });
  for (int i = 0; i < 200; ++i) {
    group.spawn([&] { ++ran; });
    sleep(0);
  }
  done.wait();
  thread.join();
  group.join();
  CHECK(group.empty());
}
