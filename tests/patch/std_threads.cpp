// What C++ programs use of <thread>, <mutex>, <condition_variable>, <shared_mutex> and <future>. (Semaphores, latches
// and atomic waits are made of futex system calls: atomic_wait.cpp.)
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/case.h"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kThreads = 20;

template <class Function>
void run_in_threads(int count, Function function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; i++) threads.emplace_back(function, i);
  for (auto& thread : threads) thread.join();
}

CASE(thread) {
  std::vector<int> squares(kThreads);
  run_in_threads(kThreads, [&](int i) {
    std::this_thread::sleep_for(1ms);
    squares[i] = i * i;
  });
  CHECK_EQ(std::accumulate(squares.begin(), squares.end(), 0), 2470);
}

CASE(thread_ids) {
  std::vector<std::thread::id> ids(kThreads);
  run_in_threads(kThreads, [&](int i) {
    ids[i] = std::this_thread::get_id();
    std::this_thread::sleep_for(20ms);  // they live at the same time
    CHECK(ids[i] == std::this_thread::get_id());
  });
  for (int i = 0; i < kThreads; i++) CHECK(ids[i] != std::this_thread::get_id());
}

CASE(jthread) {
  std::atomic<bool> is_stopped = false;
  {
    std::jthread thread([&](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
      is_stopped = true;
    });
    std::this_thread::sleep_for(1ms);
  }
  CHECK(is_stopped);
}

CASE(detached_threads) {
  static std::atomic<int> done = 0;
  for (int i = 0; i < kThreads; i++) std::thread([] { done++; }).detach();
  while (done < kThreads) std::this_thread::yield();
}

CASE(async) {
  std::vector<std::future<int>> results;
  for (int i = 0; i < kThreads; i++)
    results.push_back(std::async(std::launch::async, [i] {
      std::this_thread::sleep_for(1ms);
      return i;
    }));
  int sum = 0;
  for (auto& result : results) sum += result.get();
  CHECK_EQ(sum, kThreads * (kThreads - 1) / 2);
  auto failing = std::async(std::launch::async, []() -> int { throw std::runtime_error("from the thread"); });
  try {
    failing.get();
    CHECK(!"reached");
  } catch (const std::runtime_error& error) {
    CHECK_TEXT(error.what(), "from the thread");
  }
}

std::once_flag flag;
std::atomic<int> attempts = 0;

void succeed_at_the_third_attempt() {
  std::this_thread::sleep_for(1ms);
  if (++attempts < 3) throw std::runtime_error("not yet");
}

CASE(call_once_is_tried_again_after_an_exception) {
  std::atomic<int> failed = 0;
  run_in_threads(kThreads, [&](int) {
    try {
      std::call_once(flag, succeed_at_the_third_attempt);
    } catch (const std::runtime_error&) {
      failed++;
    }
    CHECK(attempts <= 3);
  });
  CHECK_EQ(failed, 2);
  CHECK_EQ(attempts, 3);
}

struct Slow {
  Slow() {
    std::this_thread::sleep_for(5ms);
    constructed++;
  }
  static inline std::atomic<int> constructed = 0;
};

// Where two threads meet, the guard waits by a futex system call: atomic_wait.cpp.
CASE(static_local_variables) {
  std::thread([] { static Slow slow; }).join();
  CHECK_EQ(Slow::constructed, 1);
}

CASE(mutex) {
  std::mutex mutex;
  int inside = 0, count = 0;
  run_in_threads(kThreads, [&](int) {
    for (int i = 0; i < 100; i++) {
      std::lock_guard guard(mutex);
      CHECK_EQ(inside++, 0);
      if (i % 10 == 0) std::this_thread::yield();
      count++;
      inside--;
    }
  });
  CHECK_EQ(count, kThreads * 100);
}

CASE(scoped_lock_of_two) {
  std::mutex left, right;
  int count = 0;
  run_in_threads(kThreads, [&](int i) {
    for (int k = 0; k < 50; k++) {
      if (i % 2) {
        std::scoped_lock both(left, right);
        count++;
      } else {
        std::scoped_lock both(right, left);
        count++;
      }
      std::this_thread::yield();
    }
  });
  CHECK_EQ(count, kThreads * 50);
}

CASE(timed_mutex) {
  std::timed_mutex mutex;
  std::unique_lock lock(mutex);
  std::thread([&] {
    auto begin = Clock::now();
    CHECK(!mutex.try_lock_for(20ms));
    CHECK(Clock::now() - begin >= 20ms);
    CHECK(!mutex.try_lock_until(std::chrono::system_clock::now() + 1ms));
  }).join();
  std::thread waiter([&] {
    CHECK(mutex.try_lock_for(100s));
    mutex.unlock();
  });
  std::this_thread::sleep_for(1ms);
  lock.unlock();
  waiter.join();
}

CASE(recursive_mutex) {
  std::recursive_mutex mutex;
  std::unique_lock first(mutex), second(mutex);
  std::thread([&] { CHECK(!mutex.try_lock()); }).join();
  first.unlock();
  std::thread([&] { CHECK(!mutex.try_lock()); }).join();
  second.unlock();
  std::thread([&] {
    CHECK(mutex.try_lock());
    mutex.unlock();
  }).join();
}

CASE(condition_variable) {
  std::mutex mutex;
  std::condition_variable condition;
  int turn = 0;
  auto take_turns = [&](int own) {
    for (int i = 0; i < 500; i++) {
      std::unique_lock lock(mutex);
      condition.wait(lock, [&] { return turn % 2 == own; });
      turn++;
      condition.notify_one();
    }
  };
  run_in_threads(2, take_turns);
  CHECK_EQ(turn, 1000);
}

CASE(condition_variable_wait_for) {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  auto begin = Clock::now();
  CHECK(!condition.wait_for(lock, 20ms, [] { return false; }));
  CHECK(Clock::now() - begin >= 20ms);
  CHECK(lock.owns_lock());
  CHECK(condition.wait_until(lock, std::chrono::system_clock::now() - 1s) == std::cv_status::timeout);
  bool is_set = false;
  std::thread setter([&] {
    std::lock_guard guard(mutex);
    is_set = true;
    condition.notify_all();
  });
  CHECK(condition.wait_for(lock, 100s, [&] { return is_set; }));
  setter.join();
}

CASE(shared_mutex) {
  std::shared_mutex mutex;
  int first = 0, second = 0;
  run_in_threads(kThreads, [&](int i) {
    for (int k = 0; k < 50; k++) {
      if (i % 4 == 0) {
        std::unique_lock lock(mutex);
        first++;
        std::this_thread::yield();
        second++;
      } else {
        std::shared_lock lock(mutex);
        CHECK_EQ(first, second);
        std::this_thread::yield();
      }
    }
  });
  CHECK_EQ(first, kThreads / 4 * 50);
}

CASE(shared_timed_mutex) {
  std::shared_timed_mutex mutex;
  std::unique_lock lock(mutex);
  std::thread([&] {
    auto begin = Clock::now();
    CHECK(!mutex.try_lock_shared_for(20ms));
    CHECK(!mutex.try_lock_for(20ms));
    CHECK(Clock::now() - begin >= 40ms);
  }).join();
}

CASE(promise_and_future) {
  std::promise<int> promise;
  auto future = promise.get_future().share();
  CHECK(future.wait_for(0s) == std::future_status::timeout);
  std::atomic<int> sum = 0;
  std::thread setter([&] {
    std::this_thread::sleep_for(1ms);
    promise.set_value(3);
  });
  setter.join();
  run_in_threads(kThreads, [&, future](int) { sum += future.get(); });
  CHECK_EQ(sum, 3 * kThreads);
}

CASE(sleeps) {
  auto begin = Clock::now();
  std::this_thread::sleep_for(2ms);
  std::this_thread::sleep_until(begin + 5ms);
  CHECK(Clock::now() >= begin + 5ms);
  auto wall = std::chrono::system_clock::now() + 2ms;
  std::this_thread::sleep_until(wall);
  CHECK(std::chrono::system_clock::now() >= wall);
}

}  // namespace
