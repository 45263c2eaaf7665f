#include "hub/core/park.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "greenlet/arch_x86_64.h"
#include "tests/support/catch.h"
#include "tests/support/flag.h"
#include "tests/support/hub_fixture.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Wake;

namespace {

void spin(unsigned rounds) {
  for (unsigned i = 0; i < rounds; ++i) arch::spin_hint();
}

}  // namespace

TEST_CASE_METHOD(HubFixture, "a parked greenlet goes on when it is unparked", "[park]") {
  Wake wake{};
  core::HubGreenlet& greenlet = spawn([&] { wake = park_for_ever(); });
  core::yield();
  CHECK(std::string(greenlet.waits_for) == "test");
  wake_up(greenlet);
  join_all();
  CHECK(wake == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "park tells how it ended", "[park]") {
  for (const Wake how : {Wake::woken, Wake::timed_out, Wake::interrupted}) {
    Wake wake{};
    core::HubGreenlet& greenlet = spawn([&] { wake = park_for_ever(); });
    core::yield();
    wake_up(greenlet, how);
    join_all();
    CHECK(wake == how);
  }
}

TEST_CASE_METHOD(HubFixture, "unpark before park is kept", "[park]") {
  core::HubGreenlet& self = *core::current;
  core::prepare_to_park(self);
  wake_up(self, Wake::interrupted);
  const Wake wake = core::park(self, "test", Deadline::never());
  CHECK(wake == Wake::interrupted);
}

TEST_CASE_METHOD(HubFixture, "the first of several wakers wins", "[park]") {
  std::vector<Wake> wakes;
  core::HubGreenlet& greenlet = spawn([&] {
    wakes.push_back(park_for_ever());
    wakes.push_back(park_until(Deadline::in(1ms)));
  });
  core::yield();
  wake_up(greenlet, Wake::interrupted);
  wake_up(greenlet, Wake::woken);
  wake_up(greenlet, Wake::woken);
  join_all();
  CHECK(wakes == std::vector<Wake>{Wake::interrupted, Wake::timed_out});
}

TEST_CASE_METHOD(HubFixture, "a wake-up of the last wait does not end the next", "[park]") {
  core::HubGreenlet& self = *core::current;
  core::prepare_to_park(self);
  wake_up(self);
  const Wake wake = park_until(Deadline::in(1ms));
  CHECK(wake == Wake::timed_out);
}

TEST_CASE_METHOD(HubFixture, "park keeps errno", "[park]") {
  errno = 77;
  park_until(Deadline::in(1ms));
  const int after = errno;
  CHECK(after == 77);
  std::thread([&] {
    errno = 78;
    park_until(Deadline::in(1ms));
    if (errno != 78) errno = 0;
  }).join();
}

TEST_CASE_METHOD(HubFixture, "greenlets unparked in a row run in that order, the favoured one first", "[park]") {
  std::string order;
  std::vector<core::HubGreenlet*> greenlets;
  for (const char name : {'a', 'b', 'c'}) {
    greenlets.push_back(&spawn([&, name] {
      park_for_ever();
      order += name;
    }));
  }
  core::yield();
  {
    const core::Runtime runtime;
    core::unpark(*greenlets[0], Wake::woken);
    core::unpark(*greenlets[1], Wake::woken);
    core::unpark(*greenlets[2], Wake::woken, core::Order::first);
  }
  join_all();
  CHECK(order == "cab");
}

TEST_CASE_METHOD(HubFixture, "a kernel thread wakes the hub out of its wait", "[park]") {
  for (int i = 0; i < 30; ++i) {
    Flag flag;
    std::thread thread([&] {
      spin(static_cast<unsigned>(i) * 200);
      flag.set();
    });
    const bool woken = flag.wait(Deadline::in(30s));
    CHECK(woken);
    thread.join();
  }
}

TEST_CASE_METHOD(HubFixture, "a greenlet wakes a kernel thread that is parked", "[park]") {
  Flag flag;
  std::atomic<bool> woken{false}, done{false};
  std::thread thread([&] {
    woken = flag.wait(Deadline::in(30s));
    done = true;
  });
  spawn([&] {
    sleep_for(1ms);
    flag.set();
  });
  join_all();
  yield_until([&] { return done.load(); });
  thread.join();
  CHECK(woken);
}

TEST_CASE_METHOD(HubFixture, "a kernel thread's deadline ends its park, not early", "[park]") {
  Wake wake{}, past{};
  bool early = true;
  std::thread([&] {
    const Deadline deadline = Deadline::in(3ms);
    wake = park_until(deadline);
    early = !deadline.has_passed();
    past = park_until(Deadline::in(-1h));
  }).join();
  CHECK(wake == Wake::timed_out);
  CHECK_FALSE(early);
  CHECK(past == Wake::timed_out);
}

TEST_CASE_METHOD(HubFixture, "ten thousand rounds between two kernel threads lose no wake-up", "[park]") {
  Flag ping, pong;
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::thread thread([&] {
    while (ping.wait(Deadline::in(30s)) && !stop) {
      ++answered;
      pong.set();
    }
  });
  int asked = 0, heard = 0;
  spawn([&] {
    const Deadline enough = Deadline::in(2s);  // several times what it takes, unless the machine is busy
    while (asked == heard && asked < 10'000 && !enough.has_passed()) {
      ++asked;
      ping.set();
      heard += pong.wait(Deadline::in(20s)) ? 1 : 0;
    }
    stop = true;
    ping.set();
  });
  join_all();
  thread.join();
  CHECK(heard == asked);
  CHECK(answered == asked);
}

TEST_CASE_METHOD(HubFixture, "many greenlets are woken by two kernel threads at once", "[park]") {
  constexpr std::size_t count = 200;
  std::vector<Flag> flags(count);
  std::size_t woken = 0;
  for (Flag& flag : flags) {
    spawn([&] {
      for (int i = 0; i < 2; ++i) woken += flag.wait(Deadline::in(30s)) ? 1 : 0;
    });
  }
  for (int round = 0; round < 2; ++round) {
    std::thread even([&] {
      for (std::size_t i = 0; i < count; i += 2) flags[i].set();
    });
    std::thread odd([&] {
      for (std::size_t i = 1; i < count; i += 2) flags[i].set();
    });
    yield_until([&] { return woken == count * (static_cast<std::size_t>(round) + 1); });
    even.join();
    odd.join();
  }
  join_all();
  CHECK(woken == 2 * count);
}

TEST_CASE_METHOD(HubFixture, "of a deadline and an unpark, one wins and both sides know which", "[park]") {
  constexpr int rounds = 10'000;
  Flag flag;
  std::atomic<bool> stop{false};
  std::atomic<int> woke{0};
  std::thread thread([&] {
    std::mt19937 random(3);
    while (!stop) {
      spin(random() % 300);
      woke += flag.set() ? 1 : 0;
      flag.take();
    }
  });
  int wrong = 0, woken = 0, unlinked = 0, set_before = 0;
  spawn([&] {
    std::mt19937 random(4);
    const Deadline enough = Deadline::in(1s);  // ten times what it takes, unless the machine is busy
    for (int i = 0; i < rounds && !enough.has_passed(); ++i) {
      const auto before = core::current->home->statistics().parks;
      const Flag::Outcome end = flag.wait_once(Deadline::in(std::chrono::nanoseconds(random() % 30'000)));
      if (end.wake == Wake::woken && !end.was_linked && core::current->home->statistics().parks == before) {
        ++set_before;  // or unparked between publishing and parking
      }
      woken += end.wake == Wake::woken ? 1 : 0;
      unlinked += end.was_linked ? 0 : 1;
      wrong += end.wake == Wake::woken && end.was_linked ? 1 : 0;
      wrong += end.wake == Wake::interrupted ? 1 : 0;
    }
  });
  join_all();
  stop = true;
  thread.join();
  CHECK(wrong == 0);
  CHECK(woken <= unlinked);
  CHECK(woke <= unlinked);
  CHECK(woke >= unlinked - set_before);
}

TEST_CASE_METHOD(HubFixture, "a plain thread has an object of its own to park with", "[park]") {
  core::HubGreenlet *first = nullptr, *again = nullptr, *other = nullptr;
  core::Hub* home = &hub;
  bool parks = true;
  Flag leave;
  std::thread one([&] {
    first = &core::current_or_thread();
    again = &core::current_or_thread();
    home = first->home;
    parks = core::can_park();
    leave.wait();
  });
  std::thread([&] { other = &core::current_or_thread(); }).join();
  leave.set();
  one.join();
  CHECK(first == again);
  CHECK(first != other);
  CHECK(first != core::current);
  CHECK(home == nullptr);
  CHECK_FALSE(parks);
}

TEST_CASE_METHOD(HubFixture, "a greenlet may park, hub code may not", "[park]") {
  CHECK(core::can_park());
  CHECK(&core::current_or_thread() == core::current);
  const core::Runtime runtime;
  const bool in_hub = core::can_park();
  CHECK_FALSE(in_hub);
}
