#include "hub/core/inbox.h"

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

using evergreen::core::HubGreenlet;
using evergreen::core::Inbox;

namespace {

struct Greenlet : HubGreenlet {};

std::vector<HubGreenlet*> take(Inbox& inbox) {
  std::vector<HubGreenlet*> taken;
  inbox.take_all([&](HubGreenlet& greenlet) { taken.push_back(&greenlet); });
  return taken;
}

}  // namespace

TEST_CASE("an inbox hands out the oldest first", "[inbox]") {
  Greenlet a, b, c;
  Inbox inbox;
  CHECK(take(inbox).empty());
  for (Greenlet* greenlet : {&a, &b, &c}) inbox.push(*greenlet);
  CHECK(take(inbox) == std::vector<HubGreenlet*>{&a, &b, &c});
  CHECK(take(inbox).empty());
}

TEST_CASE("a greenlet can be pushed again while the inbox is taken from", "[inbox]") {
  Greenlet a, b;
  Inbox inbox;
  inbox.push(a);
  inbox.push(b);
  inbox.take_all([&](HubGreenlet& greenlet) { inbox.push(greenlet); });
  CHECK(take(inbox) == std::vector<HubGreenlet*>{&a, &b});
}

TEST_CASE("pushes of two threads all arrive, each thread's in its order", "[inbox]") {
  constexpr std::size_t each = 20'000;
  std::deque<Greenlet> greenlets(2 * each);  // the first half is one thread's
  for (std::size_t i = 0; i < greenlets.size(); ++i) greenlets[i].id = i;
  Inbox inbox;
  std::atomic<int> running{2};
  const auto push = [&](std::size_t first) {
    for (std::size_t i = first; i < first + each; ++i) inbox.push(greenlets[i]);
    --running;
  };
  std::thread one(push, 0), two(push, each);
  std::vector<std::uint64_t> ids;
  const auto receive = [&](HubGreenlet& greenlet) { ids.push_back(greenlet.id); };
  while (running > 0) inbox.take_all(receive);
  inbox.take_all(receive);
  one.join();
  two.join();
  REQUIRE(ids.size() == 2 * each);
  std::uint64_t next_of_one = 0, next_of_two = each;
  bool in_order = true;
  for (const std::uint64_t id : ids) in_order = in_order && id == (id < each ? next_of_one++ : next_of_two++);
  CHECK(in_order);
}
