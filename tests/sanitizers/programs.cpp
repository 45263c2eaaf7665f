// What sanitizers and Valgrind must report of greenlets, and what they must not: one case each, named by argv[1].
// reports.py knows what is to be seen.
#include <sys/mman.h>
#include <unistd.h>

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

#include "hub/core/park.h"
#include "hub/evergreen/offload.h"
#include "tests/support/guest.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;

namespace {

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
void exceptions(core::Hub& hub) {
  for (int id = 0; id < 20; ++id) {
    spawn(hub, [] {
      for (int i = 0; i < 10; ++i) {
        try {
          throw_deep(20);
        } catch (const std::runtime_error&) {
          core::yield();
        }
        use_stack_again();
      }
    });
  }
  join_all();
  for (int i = 0; i < 100; ++i) {  // on stacks that were used before
    spawn(hub, use_stack_again);
    core::yield();
  }
  join_all();
}

// Frames of many stacks whose variables are looked at by others, in every order.
[[gnu::noinline]] long count_down(int depth, std::vector<const long*>& seen) {
  long mine = depth;
  seen.push_back(hidden(&mine));
  core::yield();
  const long below = depth == 0 ? 0 : count_down(depth - 1, seen);
  seen.pop_back();
  return below + mine;
}

void stacks(core::Hub& hub) {
  long sum = 0;
  std::vector<const long*> seen;
  for (int round = 0; round < 3; ++round) {
    for (int id = 0; id < 50; ++id) {
      spawn(hub, [&] {
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
  numbers[hidden(index)] = 1;
  return numbers[hidden(0)];
}

void overflow(core::Hub& hub) {
  spawn(hub, [] { smash(4); });
  join_all();
}

[[gnu::noinline]] int* returns_local() {
  int local = 1;
  return hidden(&local);
}

void use_after_return(core::Hub& hub) {
  spawn(hub, [] { std::printf("%d\n", *returns_local()); });
  join_all();
}

[[gnu::noinline]] int look_at(const int* number) { return *number; }

void dead_greenlets_variable(core::Hub& hub) {
  const int* left = nullptr;
  spawn(hub, [&] {
    int number = 1;
    left = hidden(&number);
    core::yield();
  });
  join_all();
  std::printf("%d\n", look_at(left));
}

// Only a stack knows of the memory when the process ends: first the parked greenlet's, then, as a greenlet ends it, the
// main one's.
void reachable_from_stacks(core::Hub& hub) {
  const auto mains = std::make_unique<std::string>(100, 'm');
  spawn(hub, [] {
    const auto own = std::make_unique<std::string>(100, 'g');
    sleep_for(1h);
  });
  spawn(hub, [] { std::exit(EXIT_SUCCESS); });
  sleep_for(1h);
}

[[gnu::noinline]] void lose() { static_cast<void>(hidden(new int[100])); }

void leak(core::Hub& hub) {
  spawn(hub, [] {
    lose();
    static_cast<void>(hidden(static_cast<int*>(nullptr)));
    use_stack_again();
  });
  join_all();
}

int shared_number;

[[gnu::noinline]] void write_number(int value) { shared_number = value; }

// Nothing orders the greenlet's write and the thread's; the pipe only makes both happen.
void race(core::Hub& hub) {
  std::atomic<bool> written{false};
  std::thread thread([&] {
    write_number(1);
    written.store(true, std::memory_order_relaxed);
  });
  spawn(hub, [&] {
    while (!written.load(std::memory_order_relaxed)) sleep_for(1ms);
    write_number(2);
  });
  join_all();
  thread.join();
}

// Greenlets of one hub, one after the other, need no lock; threads are ordered by who wakes whom.
void no_race(core::Hub& hub) {
  long plain = 0;
  for (int id = 0; id < 20; ++id) {
    spawn(hub, [&] {
      for (int i = 0; i < 200; ++i) {
        ++plain;
        if (i % 50 == 0) plain += offload([&plain, seen = plain] { return plain - seen; }, Deadline::in(1h));
        core::yield();
      }
    });
  }
  int from_thread = 0;
  core::HubGreenlet& self = *core::current;
  core::prepare_to_park(self);
  std::thread thread([&] {
    from_thread = 1;
    const core::Runtime runtime;
    core::unpark(self, core::Wake::woken);
  });
  core::park(self, "test", Deadline::never());
  ++from_thread;
  join_all();
  thread.join();
  if (plain != 20 * 200 || from_thread != 2) std::abort();
}

[[gnu::noinline]] void read_uninitialised() {
  int number;
  if (*hidden(&number) == 7) std::puts("seven");
}

void uninitialised(core::Hub& hub) {
  spawn(hub, read_uninitialised);
  join_all();
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, void (*)(core::Hub&)> cases{
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
  found->second(start_library_mode());
}
