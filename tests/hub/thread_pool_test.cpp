#include "hub/core/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/offload.h"
#include "evergreen/timeout.h"
#include "tests/support/catch.h"
#include "tests/support/gate.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using evergreen::detail::offload_to;
using core::ThreadPool;

namespace {

constexpr Deadline never = Deadline::never();

}  // namespace

TEST_CASE_METHOD(HubFixture, "the pool grows by a thread for each job that finds none idle", "[offload]") {
  ThreadPool pool(8, 1h);
  CHECK(pool.threads() == 0);
  Gate meeting(3);  // opens when all three are there
  int met = 0;
  for (int i = 0; i < 3; ++i)
    spawn([&] {
      met += offload_to(
                 pool, [&] { return meeting.pass(); }, never)
                 ? 1
                 : 0;
    });
  join_all();
  CHECK(met == 3);
  CHECK(pool.threads() == 3);
}

TEST_CASE_METHOD(HubFixture, "an idle thread is used again, the one that was idle last", "[offload]") {
  ThreadPool pool(8, 1h);
  std::thread::id first, second;
  spawn([&] { first = offload_to(pool, std::this_thread::get_id, never); });
  join_all();
  // It is idle once it has gone back; until then another one would be made.
  for (int i = 0; i < 100 && second != first; ++i) {
    second = offload_to(pool, std::this_thread::get_id, never);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(first != std::thread::id());
  CHECK(first != std::this_thread::get_id());
  CHECK(second == first);
  CHECK(pool.threads() <= 2);
}

TEST_CASE_METHOD(HubFixture, "jobs beyond the cap wait, first in, first out", "[offload]") {
  ThreadPool pool(1, 1h);
  Gate gate(2);
  std::string order;  // written by the pool's one thread
  spawn([&] {
    offload_to(
        pool, [&] { gate.pass(); }, never);
  });
  core::yield();
  for (const char name : {'a', 'b', 'c', 'd'})
    spawn([&, name] {
      offload_to(
          pool, [&, name] { order += name; }, never);
    });
  yield_until([&] { return pool.queued() == 4; });
  CHECK(pool.threads() == 1);
  CHECK(gate.pass());
  join_all();
  CHECK(order == "abcd");
  CHECK(pool.queued() == 0);
  CHECK(pool.threads() == 1);
}

TEST_CASE_METHOD(HubFixture, "the cap holds with several threads", "[offload]") {
  ThreadPool pool(3, 1h);
  std::atomic<int> now = 0, most = 0;
  for (int i = 0; i < 40; ++i) {
    spawn([&] {
      offload_to(
          pool,
          [&] {
            const int inside = ++now;
            for (int seen = most; seen < inside && !most.compare_exchange_weak(seen, inside);) {
            }
            std::this_thread::sleep_for(1ms);
            --now;
          },
          never);
    });
  }
  join_all();
  CHECK(most >= 2);
  CHECK(most <= 3);
  CHECK(pool.threads() <= 3);
}

TEST_CASE_METHOD(HubFixture, "threads that stay idle end, and others come when there is work again", "[offload]") {
  ThreadPool pool(4, 1ms);
  for (int round = 0; round < 3; ++round) {
    Gate meeting(4);
    int met = 0;
    for (int i = 0; i < 4; ++i)
      spawn([&] {
        met += offload_to(
                   pool, [&] { return meeting.pass(); }, never)
                   ? 1
                   : 0;
      });
    join_all();
    CHECK(met == 4);
    yield_until([&] { return pool.threads() == 0; });
  }
}

TEST_CASE_METHOD(HubFixture, "a pool of no threads has one", "[offload]") {
  ThreadPool pool(0, 1h);
  CHECK(offload_to(
            pool, [] { return 1; }, never) == 1);
}

TEST_CASE_METHOD(HubFixture, "the end of a pool waits for what runs on it", "[offload]") {
  std::atomic<bool> ended = false;
  {
    ThreadPool pool(1, 1h);
    Gate begun(2);
    std::thread giver_up([&] {
      const auto job = [&] {
        begun.pass();
        std::this_thread::sleep_for(5ms);
        ended = true;
      };
      try {
        offload_to(pool, job, Deadline::in(1ms));
      } catch (const Timeout&) {
      }
    });
    CHECK(begun.pass());
    giver_up.join();
  }
  CHECK(ended);
}

TEST_CASE("the pool's threads have the signal mask of whoever made it", "[offload]") {
  sigset_t usr1, before, seen;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, &before);
  ThreadPool pool(1, 1h);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::thread other([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    offload_to(
        pool, [&] { pthread_sigmask(SIG_SETMASK, nullptr, &seen); }, never);
  });
  other.join();
  CHECK(sigismember(&seen, SIGUSR1) == 1);
  CHECK(sigismember(&seen, SIGTERM) == sigismember(&before, SIGTERM));
  CHECK(sigismember(&before, SIGTERM) == 0);
}

TEST_CASE_METHOD(HubFixture, "plain kernel threads offload too, many at a time", "[offload]") {
  ThreadPool pool(4, 1ms);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  callers.reserve(8);
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 200; ++i)
        wrong += offload_to(
                     pool, [&] { return caller * i; }, never) == caller * i
                     ? 0
                     : 1;
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}
