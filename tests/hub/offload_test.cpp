#include "evergreen/offload.h"

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "greenlet/tls_block.h"
#include "hub/core/hubs.h"
#include "tests/hub/offload_support.h"
#include "tests/support/catch.h"
#include "tests/support/gate.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using evergreen::detail::offload_to;
using core::ThreadPool;

TEST_CASE_METHOD(HubFixture, "offload returns what the call returns", "[offload]") {
  CHECK(offload([] { return 42; }) == 42);
  int ran = 0;
  offload([&] { ran = 1; });
  CHECK(ran == 1);
  const std::unique_ptr<int> moved = offload([] { return std::make_unique<int>(7); });
  CHECK(*moved == 7);
  int target = 0;
  int& reference = offload([&]() -> int& { return target; });
  CHECK(&reference == &target);
  std::string text = "long enough to be on the heap, and moved";
  const std::string taken = offload([&]() -> std::string&& { return std::move(text); });
  CHECK(taken == "long enough to be on the heap, and moved");
  auto owner = [owned = std::make_unique<int>(9)] { return *owned; };
  const int nine = offload(std::move(owner));
  CHECK(nine == 9);
}

TEST_CASE_METHOD(HubFixture, "offload throws what the call throws", "[offload]") {
  std::string caught;
  spawn([&] {
    try {
      offload([]() -> int { throw std::runtime_error("from elsewhere"); });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
  });
  join_all();
  CHECK(caught == "from elsewhere");
}

TEST_CASE_METHOD(HubFixture, "other greenlets run while one offloads", "[offload]") {
  Gate gate(2);
  bool offloaded = false, opened = false;
  spawn([&] { offloaded = offload([&] { return gate.pass(); }); });
  spawn([&] { opened = gate.pass(); });  // blocks for ever if the first one blocks the hub's kernel thread
  join_all();
  CHECK(offloaded);
  CHECK(opened);
}

TEST_CASE_METHOD(HubFixture, "what the call holds dies before offload returns, on the caller's thread", "[offload]") {
  offload([token = Token()] {});
  CHECK(Token::alive == 0);
  CHECK(Token::died_on.load() == std::this_thread::get_id());
  const Token result = offload([] { return Token(); });
  CHECK(Token::alive == 1);
}

TEST_CASE_METHOD(HubFixture, "a plain kernel thread waits for its call, or until its deadline", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate gate(2);
  int result = 0;
  End end{};
  std::thread caller([&] {
    result = offload_to(
        pool, [] { return 3; }, never);
    end = end_of(
        pool, [&] { gate.pass(); }, Deadline::in(2ms));
  });
  caller.join();
  CHECK(result == 3);
  CHECK(end == End::timeout);
  CHECK(gate.pass());
}

TEST_CASE_METHOD(HubFixture, "offload within an offloaded call is made in place", "[offload]") {
  ThreadPool pool(1, 1h);
  const auto ids = offload_to(
      pool, [] { return std::make_pair(std::this_thread::get_id(), offload(std::this_thread::get_id)); }, never);
  CHECK(ids.first == ids.second);
  CHECK(ids.first != std::this_thread::get_id());
}

TEST_CASE_METHOD(HubFixture, "the child of fork offloads with threads of its own", "[offload]") {
  Gate begun(2), gate(2);
  spawn([&] { offload([&] { return begun.pass() && gate.pass(); }); });  // busy when we fork
  offload([] {});                                                        // idle, most likely
  CHECK(begun.pass());
  const ChildEnd end = in_child([&] {
    {
      core::Hubs::stay_in_parent();
      const core::Runtime runtime;
      hub.restart_after_fork(*core::current);
    }
    if (ThreadPool::common().threads() != 0) return 1;
    int sum = 0;
    for (int i = 1; i <= 10; ++i) spawn([&, i] { sum += offload([i] { return i; }); });
    yield_until([&] { return sum == 55; });
    return ThreadPool::common().threads() > 0 ? 0 : 2;
  });
  INFO(end.errors);
  CHECK(end.exited);
  CHECK(end.code == 0);
  CHECK(gate.pass());
  join_all();
}

// Its greenlet is the parent's. The thread is the only one of the child, which therefore exits, with 0.
TEST_CASE_METHOD(HubFixture, "a child that returns from the call that forked it ends", "[offload]") {
  ThreadPool pool(1, 1h);
  const pid_t child = offload_to(
      pool,
      [&] {
        const pid_t pid = fork();
        if (pid == 0) {
          alarm(30);
          pool.restart_after_fork();
        }
        return pid;
      },
      never);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
