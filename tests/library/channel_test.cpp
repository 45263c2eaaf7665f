// gevent.queue.Channel: what its documentation promises.
#include "evergreen/channel.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "put returns when somebody has taken the item", "[channel]") {
  Channel<std::string> channel;
  std::string events;
  auto putter = spawn([&] {
    channel.put("hello");
    events += "sent ";
  });
  settle();
  CHECK(events.empty());
  CHECK(channel.balance() == 1);
  CHECK(channel.ready());
  CHECK(channel.get() == "hello");
  CHECK(channel.balance() == 0);
  CHECK_FALSE(channel.ready());
  putter.get();
  CHECK(events == "sent ");
}

TEST_CASE_METHOD(LibraryFixture, "who waits in get takes the item at once", "[channel]") {
  Channel<int> channel;
  std::vector<int> got;
  auto getter = spawn([&] {
    got.push_back(channel.get());
    got.push_back(channel.get());
  });
  settle();
  CHECK(channel.balance() == -1);
  channel.put_nowait(1);
  CHECK_THROWS_AS(channel.put_nowait(2), Full);  // it has not run yet: nobody waits
  channel.put(2);
  getter.get();
  CHECK(got == std::vector{1, 2});
}

TEST_CASE_METHOD(LibraryFixture, "a channel is always empty and full", "[channel]") {
  Channel<int> channel;
  auto putter = spawn([&] { channel.put(1); });
  settle();
  CHECK(channel.qsize() == 0);
  CHECK(channel.empty());
  CHECK(channel.full());
  CHECK(channel.try_get() == 1);
  putter.get();
  CHECK_THROWS_AS(channel.get_nowait(), Empty);
  CHECK_THROWS_AS(channel.put(1, 1ms), Full);
  CHECK_THROWS_AS(channel.get(1ms), Empty);
  CHECK_FALSE(channel.try_put(1));
}

TEST_CASE_METHOD(LibraryFixture, "an item is taken, or put has failed", "[channel]") {
  Channel<int> channel;
  int put = 0;
  auto killed = spawn([&] {
    channel.put(1);
    ++put;
  });
  auto taken = spawn([&] {
    channel.put(2);
    ++put;
    sleep(0);
    ++put;
  });
  settle();
  killed.kill();
  CHECK(channel.get() == 2);
  taken.kill();  // too late for put()
  CHECK(put == 1);
  CHECK_FALSE(channel.try_get().has_value());
}

TEST_CASE_METHOD(LibraryFixture, "iteration over a channel ends when it is shut down", "[channel]") {
  Channel<int> channel;
  auto sum = spawn([&] {
    int total = 0;
    for (int item : channel) total += item;
    return total;
  });
  for (int i = 1; i <= 4; ++i) channel.put(i);
  auto waits = spawn([&] { channel.put(5); });
  channel.shutdown();
  CHECK(sum.get() == 10);
  CHECK_THROWS_AS(waits.get(), ShutDown);
}

TEST_CASE_METHOD(LibraryFixture, "of deadlines that pass as two threads meet, both or none see the item", "[channel]") {
  Channel<int> channel;
  int put = 0, got = 0;
  Event done;
  constexpr int rounds = 3000;
  std::thread thread([&] {
    for (int i = 0; i < rounds; ++i) put += channel.try_put(1, std::chrono::microseconds(i % 50)) ? 1 : 0;
    done.set();
  });
  while (!done.is_set()) got += channel.try_get(std::chrono::microseconds(got % 50)).value_or(0);
  thread.join();
  CHECK(put == got);
  CHECK(put > 0);
}
