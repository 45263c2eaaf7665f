// What libstdc++ makes of futex system calls: waiting atomics, semaphores, latches, barriers, guards of statics.
#include <atomic>
#include <barrier>
#include <chrono>
#include <latch>
#include <semaphore>
#include <thread>
#include <vector>

#include "tests/support/case.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kThreads = 12, kRounds = 500;

template <class Function>
void run_in_threads(int count, Function function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; i++) threads.emplace_back(function, i);
  for (auto& thread : threads) thread.join();
}

// An int is waited for itself; of other types libstdc++ waits for a word of its own.
template <class Value>
void take_turns() {
  std::atomic<Value> turn = 0;
  run_in_threads(2, [&](int own) {
    for (Value next = Value(own); next < Value(kRounds); next += 2) {
      for (Value seen = turn; seen != next; seen = turn) turn.wait(seen);
      turn = next + 1;
      turn.notify_one();
    }
  });
  CHECK_EQ(turn.load(), kRounds);
}

CASE(atomic_wait) {
  take_turns<int>();
  take_turns<long>();
  take_turns<short>();
}

CASE(notify_all) {
  std::atomic<int> gate = 0, passed = 0;
  std::thread opener([&] {
    await_entered(kThreads);
    CHECK_EQ(passed.load(), 0);
    gate = 1;
    gate.notify_all();
  });
  run_in_threads(kThreads, [&](int) {
    entering();
    gate.wait(0);
    CHECK_EQ(gate.load(), 1);
    passed++;
  });
  opener.join();
  CHECK_EQ(passed.load(), kThreads);
}

CASE(atomic_flag) {
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  int inside = 0, count = 0;
  run_in_threads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; i++) {
      while (lock.test_and_set()) lock.wait(true);
      CHECK_EQ(inside++, 0);
      if (i % 8 == 0) std::this_thread::yield();
      count++;
      inside--;
      lock.clear();
      lock.notify_one();
    }
  });
  CHECK_EQ(count, kThreads * kRounds);
}

CASE(counting_semaphore) {
  constexpr int places = 3;
  std::counting_semaphore<places> semaphore(places);
  std::atomic<int> inside = 0, entered = 0;
  run_in_threads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; i++) {
      semaphore.acquire();
      CHECK(++inside <= places);
      if (i % 8 == 0) std::this_thread::yield();
      entered++;
      inside--;
      semaphore.release();
    }
  });
  CHECK_EQ(entered.load(), kThreads * kRounds);
}

CASE(binary_semaphore) {
  std::binary_semaphore ping(0), pong(0);
  std::thread answering([&] {
    for (int i = 0; i < kRounds; i++) {
      ping.acquire();
      pong.release();
    }
  });
  for (int i = 0; i < kRounds; i++) {
    ping.release();
    pong.acquire();
  }
  answering.join();
}

CASE(semaphore_timeouts) {
  std::counting_semaphore<> semaphore(0);
  auto begin = Clock::now();
  CHECK(!semaphore.try_acquire_for(20ms));
  CHECK(Clock::now() - begin >= 20ms);
  CHECK(!semaphore.try_acquire_until(std::chrono::system_clock::now() + 5ms));
  std::thread releasing([&] {
    std::this_thread::sleep_for(2ms);
    semaphore.release();
  });
  CHECK(semaphore.try_acquire_for(100s));
  releasing.join();
}

CASE(latch) {
  std::latch all_here(kThreads);
  std::atomic<int> arrived = 0;
  run_in_threads(kThreads, [&](int i) {
    if (i % 3 == 0) std::this_thread::sleep_for(1ms);
    arrived++;
    all_here.arrive_and_wait();
    CHECK_EQ(arrived.load(), kThreads);
  });
}

CASE(barrier) {
  int phases = 0;
  std::barrier all_here(kThreads, [&]() noexcept { phases++; });
  std::vector<int> reached(kThreads);
  run_in_threads(kThreads, [&](int own) {
    for (int phase = 1; phase <= 50; phase++) {
      reached[own] = phase;
      all_here.arrive_and_wait();
      for (int other : reached) CHECK_EQ(other, phase);
      CHECK_EQ(phases, 2 * phase - 1);
      all_here.arrive_and_wait();
    }
  });
}

struct Slow {
  Slow() {
    std::this_thread::sleep_for(20ms);
    constructed++;
  }
  int value = 7;
  static inline std::atomic<int> constructed = 0;
};

// The threads that come second wait for the guard; the first sleeps, which lets them.
CASE(static_initialisation) {
  run_in_threads(kThreads, [](int) {
    static Slow slow;
    CHECK_EQ(slow.value, 7);
    CHECK_EQ(Slow::constructed.load(), 1);
  });
}

struct FailsTwice {
  FailsTwice() {
    std::this_thread::sleep_for(5ms);
    if (++attempts < 3) throw attempts.load();
  }
  static inline std::atomic<int> attempts = 0;
};

CASE(static_initialisation_that_throws) {
  std::atomic<int> failed = 0;
  run_in_threads(kThreads, [&](int) {
    try {
      static FailsTwice object;
    } catch (int) {
      failed++;
    }
  });
  CHECK_EQ(failed.load(), 2);
  CHECK_EQ(FailsTwice::attempts.load(), 3);
}

}  // namespace
