// Calls whose greenlet does not wait for their end.
#include <atomic>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "evergreen/offload.h"
#include "tests/hub/offload_support.h"
#include "tests/support/catch.h"
#include "tests/support/gate.h"
#include "tests/support/hub_fixture.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using evergreen::detail::offload_to;
using core::ThreadPool;
using core::Wake;

TEST_CASE_METHOD(HubFixture, "a call that has not begun when its deadline passes is never made", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate gate(2);
  bool ran = false;
  End end{};
  spawn([&] {
    offload_to(
        pool, [&] { gate.pass(); }, never);
  });
  spawn([&] {
    end = end_of(
        pool, [&, token = Token()] { ran = true; }, Deadline::in(2ms));
  });
  yield_until([&] { return hub.alive() == 2; });
  CHECK(end == End::timeout);
  CHECK(pool.queued() == 0);
  CHECK(Token::alive == 0);
  CHECK(gate.pass());
  join_all();
  offload_to(
      pool, [] {}, never);
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(HubFixture, "a deadline that has passed already makes no call", "[offload]") {
  ThreadPool pool(1, 1h);
  bool ran = false;
  CHECK(end_of(
            pool, [&] { ran = true; }, Deadline::now()) == End::timeout);
  CHECK(pool.threads() == 0);
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(HubFixture, "a call that is given up goes on, and its result dies on its thread", "[offload]") {
  const bool by_deadline = GENERATE(true, false);
  auto pool = std::make_unique<ThreadPool>(1, 1h);
  Gate begun(2), gate(2);
  std::atomic<bool> returned = false;
  std::thread::id worker;
  End end{};
  core::HubGreenlet& caller = spawn([&] {
    auto call = [&, token = Token()] {
      worker = std::this_thread::get_id();
      begun.pass();
      gate.pass();
      returned = true;
      return Token();
    };
    end = end_of(*pool, std::move(call), by_deadline ? Deadline::in(20ms) : never);
  });
  core::yield();
  CHECK(begun.pass());
  if (!by_deadline) wake_up(caller, Wake::interrupted);
  join_all();
  CHECK(end == (by_deadline ? End::timeout : End::exit));
  CHECK(Token::alive >= 1);
  CHECK_FALSE(returned);
  CHECK(gate.pass());
  pool.reset();
  CHECK(returned);
  CHECK(Token::alive == 0);
  CHECK(Token::died_on.load() == worker);
}

TEST_CASE_METHOD(HubFixture, "an exception of a call that was given up goes nowhere", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate begun(2), gate(2);
  End end{};
  spawn([&] {
    const auto call = [&] {
      begun.pass();
      gate.pass();
      throw std::runtime_error("late");
    };
    end = end_of(pool, call, Deadline::in(5ms));
  });
  core::yield();
  CHECK(begun.pass());
  join_all();
  CHECK(end == End::timeout);
  CHECK(gate.pass());
  CHECK(offload_to(
            pool, [] { return 5; }, never) == 5);
}

// Calls about as long as their deadlines, and greenlets that end others at random.
TEST_CASE_METHOD(HubFixture, "however the end of a call meets its deadline, nothing is lost or kept", "[offload]") {
  std::atomic<int> wrong = 0;
  int ends[3] = {};
  {
    ThreadPool pool(3, 100us);
    for (int i = 0; i < 16; ++i) {
      spawn([&, i] {
        std::minstd_rand random(static_cast<unsigned>(i) + 1);
        for (int round = 0; round < 120; ++round) {
          const auto length = std::chrono::microseconds(random() % 400);
          const auto call = [length, token = std::make_shared<Token>(), round] {
            const Deadline end = Deadline::in(length);
            while (!end.has_passed()) std::this_thread::yield();
            return std::make_pair(round, token);
          };
          try {
            wrong +=
                offload_to(pool, call, Deadline::in(std::chrono::microseconds(random() % 2000))).first == round ? 0 : 1;
            ++ends[0];
          } catch (const Timeout&) {
            ++ends[1];
          } catch (const GreenletExit&) {
            ++ends[2];
          }
        }
      });
    }
    bool victim_lives = true;
    core::HubGreenlet& victim = spawn([&] {
      for (int round = 0; round < 300; ++round)
        ++ends[static_cast<int>(end_of(
            pool, [token = Token()] {}, never))];
      victim_lives = false;
    });
    spawn([&] {
      while (victim_lives) {
        if (victim.waits_for != nullptr && victim.waits_for == std::string("offload"))
          wake_up(victim, Wake::interrupted);
        sleep_for(100us);
      }
    });
    join_all();
  }
  CHECK(wrong == 0);
  CHECK(Token::alive == 0);
  CHECK(ends[0] + ends[1] + ends[2] == 16 * 120 + 300);
  CHECK(ends[0] > 0);
  CHECK(ends[1] > 0);
  CHECK(ends[2] > 0);
}

namespace {

// Blocks until all that the pool's one thread has been given so far is done.
void await_pool(ThreadPool& pool) {
  std::thread last([&] {
    offload_to(
        pool, [] {}, never);
  });
  last.join();
}

}  // namespace

TEST_CASE_METHOD(HubFixture, "a call that is done when its deadline passes counts as done", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate gate(2);
  End end{};
  core::HubGreenlet& caller = spawn([&] {
    end = end_of(
        pool, [&] { gate.pass(); }, Deadline::in(1ms));
  });
  spawn([&] {
    // Always ready, so we run between the end of that park and its greenlet.
    while (caller.parking != core::HubGreenlet::timed_out) core::yield();
    gate.pass();
    await_pool(pool);
  });
  join_all();
  CHECK(end == End::result);
}

TEST_CASE_METHOD(HubFixture, "a greenlet that is ended as its call is done is ended", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate gate(2);
  End end{};
  core::HubGreenlet& caller = spawn([&] {
    end = end_of(
        pool, [&] { gate.pass(); }, never);
  });
  core::yield();
  wake_up(caller, Wake::interrupted);
  gate.pass();
  await_pool(pool);
  join_all();
  CHECK(end == End::exit);
  CHECK(Token::alive == 0);
}
