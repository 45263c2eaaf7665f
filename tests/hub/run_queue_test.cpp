#include "hub/core/run_queue.h"

#include "tests/support/catch.h"

using evergreen::core::RunQueue;

namespace {

struct Greenlet : evergreen::core::HubGreenlet {};

}  // namespace

TEST_CASE("a run queue is first in, first out", "[run_queue]") {
  Greenlet a, b, c;
  RunQueue queue;
  CHECK(queue.empty());
  CHECK(queue.pop_front() == nullptr);
  for (Greenlet* greenlet : {&a, &b, &c}) queue.push_back(*greenlet);
  CHECK(queue.size() == 3);
  for (Greenlet* greenlet : {&a, &b, &c}) CHECK(queue.pop_front() == greenlet);
  CHECK(queue.empty());
  CHECK(queue.size() == 0);
}

TEST_CASE("who is pushed to the front runs next", "[run_queue]") {
  Greenlet a, b, c;
  RunQueue queue;
  queue.push_back(a);
  queue.push_front(b);
  queue.push_back(c);
  for (Greenlet* greenlet : {&b, &a, &c}) CHECK(queue.pop_front() == greenlet);
}

TEST_CASE("a queue that was emptied takes more at either end", "[run_queue]") {
  Greenlet a, b;
  RunQueue queue;
  for (int round = 0; round < 3; ++round) {
    queue.push_front(a);
    queue.push_back(b);
    CHECK(queue.pop_front() == &a);
    CHECK(queue.pop_front() == &b);
    queue.push_back(a);
    queue.push_back(b);
    CHECK(queue.pop_front() == &a);
    CHECK(queue.pop_front() == &b);
    CHECK(queue.empty());
  }
}
