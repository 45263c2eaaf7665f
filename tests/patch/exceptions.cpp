// C++ exceptions in flight while their thread waits: __cxa_get_globals() is each thread's own.
#include <sched.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

#include "tests/support/case.h"

namespace {

constexpr int kThreads = 50;

int number_of(void* argument) { return static_cast<int>(reinterpret_cast<intptr_t>(argument)); }

void start_and_join_all(void* (*run)(void*)) {
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; i++) threads[i] = start(run, reinterpret_cast<void*>(i));
  join_all(threads, kThreads);
}

void pass_time(int number) {
  if (number % 2) usleep(100 + number);
  if (number % 2 == 0) sched_yield();
}

void* sleep_in_catch(void* argument) {
  int number = number_of(argument);
  for (int i = 0; i < 20; i++) {
    try {
      throw std::runtime_error("thread " + std::to_string(number));
    } catch (const std::exception& error) {
      pass_time(number);
      CHECK(std::current_exception() != nullptr);
      CHECK_TEXT(error.what(), ("thread " + std::to_string(number)).c_str());
      CHECK_EQ(std::uncaught_exceptions(), 0);
      try {
        pass_time(number + 1);
        throw;  // the one of this thread
      } catch (const std::runtime_error& again) {
        CHECK(&again == &error);
        pass_time(number);
      }
    }
    CHECK(std::current_exception() == nullptr);
  }
  return nullptr;
}

CASE(a_catch_block_sleeps_while_others_throw) { start_and_join_all(sleep_in_catch); }

// Sleeps in its destructor, which unwinding calls, and throws and catches there.
class SleepsWhenUnwound {
 public:
  SleepsWhenUnwound(int number, int in_flight) : number_(number), in_flight_(in_flight) {}
  ~SleepsWhenUnwound() {
    CHECK_EQ(std::uncaught_exceptions(), in_flight_);
    pass_time(number_);
    CHECK_EQ(std::uncaught_exceptions(), in_flight_);
    try {
      throw number_;
    } catch (int caught) {
      pass_time(number_ + 1);
      CHECK_EQ(caught, number_);
      CHECK_EQ(std::uncaught_exceptions(), in_flight_);
    }
    CHECK_EQ(std::uncaught_exceptions(), in_flight_);
  }

 private:
  int number_;
  int in_flight_;
};

void throw_through_sleepers(int number, int depth) {
  SleepsWhenUnwound sleeper(number, 1);
  if (depth == 0) throw std::to_string(number);
  throw_through_sleepers(number, depth - 1);
}

void* sleep_in_destructors(void* argument) {
  int number = number_of(argument);
  try {
    throw_through_sleepers(number, 4);
    CHECK(!"reached");
  } catch (const std::string& text) {
    CHECK_TEXT(text.c_str(), std::to_string(number).c_str());
    CHECK_EQ(std::uncaught_exceptions(), 0);
  }
  return nullptr;
}

CASE(destructors_sleep_during_unwinding) { start_and_join_all(sleep_in_destructors); }

std::exception_ptr carried;

void* throw_and_carry(void*) {
  try {
    throw std::out_of_range("carried");
  } catch (...) {
    carried = std::current_exception();
    pass_time(1);
  }
  return nullptr;
}

CASE(an_exception_carried_to_another_thread) {
  join(start(throw_and_carry, nullptr));
  try {
    std::rethrow_exception(carried);
  } catch (const std::out_of_range& error) {
    usleep(100);
    CHECK_TEXT(error.what(), "carried");
  }
  carried = nullptr;
}

void* nest_exceptions(void* argument) {
  int number = number_of(argument);
  try {
    try {
      throw number;
    } catch (int) {
      pass_time(number);
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (const std::runtime_error& outer) {
    pass_time(number + 1);
    try {
      std::rethrow_if_nested(outer);
      CHECK(!"reached");
    } catch (int inner) {
      pass_time(number);
      CHECK_EQ(inner, number);
    }
  }
  return nullptr;
}

CASE(nested_exceptions) { start_and_join_all(nest_exceptions); }

int destroyed;

struct Counted {
  ~Counted() { __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED); }
};

struct SleepingCounted {
  ~SleepingCounted() {
    usleep(100);
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
  }
};

[[noreturn]] void exit_below(int depth) {
  SleepingCounted frame;
  if (depth > 0) exit_below(depth - 1);
  pthread_exit(reinterpret_cast<void*>(7));
}

void* exit_from_nested_frames(void*) {
  Counted frame;
  exit_below(4);
}

CASE(pthread_exit_runs_destructors) {
  pthread_t threads[kThreads];
  destroyed = 0;
  for (auto& thread : threads) thread = start(exit_from_nested_frames, nullptr);
  for (auto thread : threads) CHECK(join(thread) == reinterpret_cast<void*>(7));
  CHECK_EQ(destroyed, 6 * kThreads);
}

void* exit_through_catch_all(void* caught) {
  try {
    pthread_exit(caught);
  } catch (...) {
    *static_cast<int*>(caught) = 1;
    usleep(100);
    throw;  // the forced unwinding may be caught, but must go on
  }
}

CASE(pthread_exit_passes_catch_all) {
  int caught = 0;
  CHECK(join(start(exit_through_catch_all, &caught)) == &caught);
  CHECK_EQ(caught, 1);
}

thread_local std::string name = "unnamed";
thread_local SleepingCounted counted;

void* use_thread_locals(void* argument) {
  int number = number_of(argument);
  CHECK_TEXT(name.c_str(), "unnamed");
  name = std::string(200, 'x') + std::to_string(number);
  (void)&counted;
  pass_time(number);
  CHECK_TEXT(name.c_str() + 200, std::to_string(number).c_str());
  if (number % 2) pthread_exit(nullptr);
  return nullptr;
}

CASE(thread_locals_are_constructed_and_destroyed_in_each_thread) {
  destroyed = 0;
  start_and_join_all(use_thread_locals);
  CHECK_EQ(destroyed, kThreads);
  CHECK_TEXT(name.c_str(), "unnamed");
}

pthread_key_t key;
int destroyed_before_key, destroyed_before_first;

void note_key(void*) { destroyed_before_key = destroyed; }

struct First {
  ~First() { destroyed_before_first = destroyed; }
};

void* use_thread_local_and_key(void*) {
  thread_local First first;
  thread_local SleepingCounted second;
  (void)&first;
  (void)&second;
  CHECK_EQ(pthread_setspecific(key, &key), 0);
  return nullptr;
}

CASE(thread_locals_are_destroyed_in_reverse_and_before_keys) {
  CHECK_EQ(pthread_key_create(&key, note_key), 0);
  destroyed = 0;
  join(start(use_thread_local_and_key, nullptr));
  CHECK_EQ(destroyed_before_first, 1);
  CHECK_EQ(destroyed_before_key, 1);
  CHECK_EQ(pthread_key_delete(key), 0);
}

}  // namespace
