// What sanitizers and Valgrind must report of greenlets, and what they must not: one case each, named by argv[1].
// reports.py knows what is to be seen.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "evergreen/evergreen.h"

using namespace evergreen;
using namespace std::chrono_literals;

namespace {

std::vector<AnyGreenlet> all;

template <class F>
void start(F f) {
  all.push_back(spawn(std::move(f)));
}

void join_all() {
  for (const AnyGreenlet& greenlet : std::exchange(all, {})) greenlet.join();
}

// What the compiler must not see through.
template <class T>
[[gnu::noinline]] T hidden(T value) {
  static std::atomic<T> place;
  place.store(value, std::memory_order_relaxed);
  return place.load(std::memory_order_relaxed);
}

[[gnu::noinline]] int throw_deep(int depth) {
  char frame[200];
  std::memset(hidden(&frame[0]), depth, sizeof frame);
  if (depth == 0) throw std::runtime_error("deep");
  return throw_deep(depth - 1) + frame[depth];
}

// Uses the stack as code does that knows nothing of sanitizers: a frame that another one left poisoned hurts it.
[[gnu::noinline]] void use_stack_again() {
  auto* memory = static_cast<char*>(hidden(__builtin_alloca(8000)));
  std::memset(memory, 1, 8000);
}

// Unwinds deep stacks, also while others are in the middle of theirs.
void exceptions() {
  for (int id = 0; id < 20; ++id) {
    start([] {
      for (int i = 0; i < 10; ++i) {
        try {
          throw_deep(20);
        } catch (const std::runtime_error&) {
          sleep(0s);
        }
        use_stack_again();
      }
    });
  }
  join_all();
  for (int i = 0; i < 100; ++i) {  // on stacks that were used before
    start(use_stack_again);
    sleep(0s);
  }
  join_all();
}

// Frames of many stacks whose variables are looked at by others, in every order.
[[gnu::noinline]] long count_down(int depth, std::vector<const long*>& seen) {
  long mine = depth;
  seen.push_back(hidden(&mine));
  sleep(0s);
  const long below = depth == 0 ? 0 : count_down(depth - 1, seen);
  seen.pop_back();
  return below + mine;
}

void stacks() {
  long sum = 0;
  std::vector<const long*> seen;
  for (int round = 0; round < 3; ++round) {
    for (int id = 0; id < 50; ++id) {
      start([&] {
        std::vector<const long*> own;
        sum += count_down(20, own);
      });
    }
    join_all();
  }
  std::exit(sum == 3 * 50 * 210 ? EXIT_SUCCESS : EXIT_FAILURE);
}

[[gnu::noinline]] int smash(int index) {
  int numbers[4] = {};
  hidden(&numbers[0])[index] = 1;
  return numbers[hidden(0)];
}

void overflow() {
  start([] { smash(4); });
  join_all();
}

[[gnu::noinline]] int* returns_local() {
  int local = 1;
  return hidden(&local);
}

void use_after_return() {
  start([] { std::printf("%d\n", *returns_local()); });
  join_all();
}

[[gnu::noinline]] int look_at(const int* number) { return *number; }

void dead_greenlets_variable() {
  const int* left = nullptr;
  start([&] {
    int number = 1;
    left = hidden(&number);
    sleep(0s);
  });
  join_all();
  std::printf("%d\n", look_at(left));
}

// Only a stack knows of the memory when the process ends: first the parked greenlet's, then, as a greenlet ends it, the
// main one's.
void reachable_from_stacks() {
  const auto mains = std::make_unique<std::string>(100, 'm');
  start([] {
    const auto own = std::make_unique<std::string>(100, 'g');
    sleep(1h);
  });
  start([] { std::exit(EXIT_SUCCESS); });
  sleep(1h);
}

[[gnu::noinline]] void lose() { static_cast<void>(hidden(new int[100])); }

void leak() {
  start([] {
    lose();
    hidden(static_cast<int*>(nullptr));
    use_stack_again();
  });
  join_all();
}

int shared_number;

[[gnu::noinline]] void write_number(int value) { shared_number = value; }

[[gnu::noinline]] void bystand(Event& end) {
  end.wait();
  hidden(1);
}

// Nothing orders the greenlet's write and the thread's. The calls of another greenlet must not be taken for its own.
void race() {
  Event end;
  start([&] { bystand(end); });
  std::atomic<bool> written{false};
  std::thread thread([&] {
    write_number(1);
    written.store(true, std::memory_order_relaxed);
  });
  start([&] {
    while (!written.load(std::memory_order_relaxed)) sleep(1ms);
    write_number(2);
    end.set();
  });
  join_all();
  thread.join();
  std::printf("%d\n", shared_number);
}

// Greenlets of one hub, one after the other, need no lock; threads are ordered by who wakes whom.
void no_race() {
  long plain = 0;
  for (int id = 0; id < 20; ++id) {
    start([&] {
      for (int i = 0; i < 200; ++i) {
        ++plain;
        if (i % 50 == 0) plain += offload([seen = plain] { return seen - seen; }, Deadline::in(1h));
        sleep(0s);
      }
    });
  }
  int from_thread = 0;
  Event written;
  std::thread thread([&] {
    from_thread = 1;
    written.set();
  });
  written.wait();
  ++from_thread;
  join_all();
  thread.join();
  if (plain != 20 * 200 || from_thread != 2) std::abort();
}

[[gnu::noinline]] void read_uninitialised() {
  int number;
  if (*hidden(&number) == 7) std::puts("seven");
}

void uninitialised() {
  start(read_uninitialised);
  join_all();
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, void (*)()> cases{
      {"exceptions", exceptions},
      {"stacks", stacks},
      {"overflow", overflow},
      {"use_after_return", use_after_return},
      {"dead_greenlets_variable", dead_greenlets_variable},
      {"reachable_from_stacks", reachable_from_stacks},
      {"leak", leak},
      {"race", race},
      {"no_race", no_race},
      {"uninitialised", uninitialised},
  };
  const auto found = cases.find(count == 2 ? arguments[1] : "");
  if (found == cases.end()) return EXIT_FAILURE;
  found->second();
}
