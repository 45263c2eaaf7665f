// The hub inside another program's loop, and one step at a time.
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "evergreen/hub.h"
#include "evergreen/io.h"
#include "evergreen/offload.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

int milliseconds_until(Deadline deadline) {
  if (deadline.is_never()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.when() - Deadline::Clock::now());
  return static_cast<int>(std::clamp<long long>(left.count(), 0, 1'000'000));
}

// Another program's loop. `by_deadline`: whether it asks when to look again, or relies on the descriptor alone.
template <class Done>
void loop_until(Done done, bool by_deadline) {
  Hub& hub = get_hub();
  pollfd ready{hub.fd(), POLLIN, 0};
  while (!done()) {
    while (hub.step()) {
    }
    if (done()) return;
    const int count = poll(&ready, 1, by_deadline ? milliseconds_until(hub.deadline()) : 30'000);
    REQUIRE((count > 0 || by_deadline));  // else a wake-up has been lost
  }
}

// A hub that was asked for its descriptor keeps one more.
class EmbeddedFixture {
 public:
  EmbeddedFixture() { get_hub().fd(); }
};

class LoopFixture : public EmbeddedFixture, public LibraryFixture {};

}  // namespace

TEST_CASE_METHOD(LoopFixture, "a step runs who is ready, and nobody twice", "[hub]") {
  std::string order;
  spawn([&] {
    order += 'a';
    sleep(0);
    order += 'c';
  });
  spawn([&] { order += 'b'; });
  const bool more = get_hub().step();
  CHECK(order == "ab");
  CHECK(more);
  get_hub().step();
  CHECK(order == "abc");
  CHECK_FALSE(get_hub().step());
}

TEST_CASE_METHOD(LoopFixture, "a step never waits, and expires deadlines", "[hub]") {
  bool woke = false;
  const Deadline deadline = Deadline::in(3ms);
  spawn([&] {
    sleep(deadline);
    woke = true;
  });
  CHECK_FALSE(get_hub().step());
  CHECK(get_hub().deadline() == deadline);
  while (!woke) get_hub().step();
  CHECK(deadline.has_passed());
  CHECK(get_hub().deadline().is_never());
}

TEST_CASE_METHOD(LoopFixture, "the deadline is now when a greenlet has been spawned or woken", "[hub]") {
  get_hub().step();
  CHECK(get_hub().deadline().is_never());
  Event event;
  const auto waiter = spawn([&] { event.wait(); });
  CHECK(get_hub().deadline().has_passed());
  while (get_hub().step()) {
  }
  CHECK(get_hub().deadline().is_never());
  event.set();
  CHECK(get_hub().deadline().has_passed());
  while (get_hub().step()) {
  }
  CHECK(waiter.dead());
}

TEST_CASE_METHOD(LoopFixture, "another loop sees deadlines, by the descriptor and by asking", "[hub]") {
  const bool by_deadline = GENERATE(true, false);
  int ticks = 0;
  spawn([&] {
    for (; ticks < 5; ++ticks) sleep(2ms);
  });
  loop_until([&] { return ticks == 5; }, by_deadline);
  CHECK(ticks == 5);
  get_hub().step();
}

TEST_CASE_METHOD(LoopFixture, "another loop sees descriptors that greenlets wait for", "[hub]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Descriptor input(ends[0]), output(ends[1]);
  std::string got;
  spawn([&] {
    while (!got.ends_with('.')) got += input.read(1);
  });
  std::thread writer([&] {
    for (const char letter : std::string("abc.")) {
      std::this_thread::sleep_for(2ms);
      output.write(std::string_view(&letter, 1));
    }
  });
  loop_until([&] { return got == "abc."; }, false);
  writer.join();
  while (get_hub().step()) {
  }
  CHECK(got == "abc.");
}

TEST_CASE_METHOD(LoopFixture, "another loop sees wake-ups and greenlets from other threads", "[hub]") {
  constexpr int rounds = 300;
  int events = 0, spawned = 0;
  Event event, again;
  spawn([&] {
    for (; events < rounds; ++events) {
      event.wait();
      event.clear();
      again.set();
    }
  });
  std::thread setter([&] {
    for (int i = 0; i < rounds; ++i) {
      event.set();
      again.wait();
      again.clear();
    }
  });
  std::thread spawner([&] {
    for (int i = 0; i < rounds; ++i) get_hub().spawn_from_thread([&] { ++spawned; });
  });
  loop_until([&] { return events == rounds && spawned == rounds; }, false);
  setter.join();
  spawner.join();
  while (get_hub().step()) {
  }
  CHECK(events == rounds);
}

TEST_CASE_METHOD(LoopFixture, "another loop sees the results of offloaded calls", "[hub]") {
  int sum = 0;
  for (int i = 1; i <= 20; ++i) spawn([&, i] { sum += offload([i] { return i; }); });
  loop_until([&] { return sum == 210; }, false);
  while (get_hub().step()) {
  }
  CHECK(sum == 210);
}

TEST_CASE_METHOD(LoopFixture, "the descriptor can be waited for beside others in an epoll", "[hub]") {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, get_hub().fd(), &wanted) == 0);
  bool woke = false;
  spawn([&] {
    sleep(5ms);
    woke = true;
  });
  while (get_hub().step()) {
  }
  epoll_event seen{};
  CHECK(epoll_wait(epoll, &seen, 1, 30'000) == 1);
  while (!woke) get_hub().step();
  CHECK(epoll_wait(epoll, &seen, 1, 0) == 0);  // nothing is left to do
  close(epoll);
}

TEST_CASE_METHOD(LoopFixture, "the main greenlet may wait inside another loop's callback", "[hub]") {
  int ticks = 0;
  const auto ticker = spawn([&] {
    for (; ticks < 6; ++ticks) sleep(1ms);
  });
  loop_until([&] { return ticks >= 2; }, false);
  sleep(2ms);
  loop_until([&] { return ticks == 6; }, true);
  ticker.join();
  CHECK(ticks == 6);
}

TEST_CASE_METHOD(LoopFixture, "who idles runs in steps, too", "[hub]") {
  int rounds = 0;
  spawn([&] {
    for (; rounds < 3; ++rounds) idle();
  });
  for (int i = 0; i < 20 && rounds < 3; ++i) get_hub().step();
  CHECK(rounds == 3);
  get_hub().step();
}

TEST_CASE_METHOD(LoopFixture, "a timeout of the main greenlet is thrown by its next step", "[hub]") {
  Timeout timeout(1ms);
  while (!timeout.deadline().has_passed()) {
  }
  CHECK_THROWS_AS(get_hub().step(), Timeout);
}
