#include "greenlet/raw_greenlet.h"

#include <cerrno>
#include <cfenv>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "greenlet/arch_x86_64.h"
#include "greenlet/tls_block.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// On a block of its own, or on the creator's: each behaviour below must hold for both.
class OnEitherBlock {
 public:
  std::uintptr_t block_of(Stack& stack) const { return own_ ? stack.take_tls_block() : arch::thread_pointer(); }

  // What a body ends with.
  RawGreenlet& end(RawGreenlet& next) const {
    if (own_) run_thread_destructors();
    return next;
  }

  StackScope stack;
  ThreadGreenlet thread;

 private:
  const bool own_ = GENERATE(true, false);
};

// Switches away in its destructor, that is in the middle of an unwinding.
struct SwitchesWhenUnwound {
  RawGreenlet &from, &to;
  int& in_flight;
  ~SwitchesWhenUnwound() {
    RawGreenlet::switch_to(from, to);
    in_flight = std::uncaught_exceptions();
  }
};

}  // namespace

TEST_CASE_METHOD(OnEitherBlock, "a greenlet runs when switched to, and goes on where it stopped", "[raw_greenlet]") {
  std::string steps;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    steps += 'a';
    RawGreenlet::switch_to(greenlet, thread);
    steps += 'b';
    RawGreenlet::switch_to(greenlet, thread);
    steps += 'c';
    return end(thread);
  });
  CHECK(steps.empty());
  for (const char* expected : {"a", "ab", "abc"}) {
    RawGreenlet::switch_to(thread, greenlet);
    CHECK(steps == expected);
  }
}

TEST_CASE_METHOD(OnEitherBlock, "a greenlet runs on the stack that it was given", "[raw_greenlet]") {
  const Stack* seen = nullptr;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    seen = StackPool::containing(__builtin_frame_address(0));
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(seen == &*stack);
}

TEST_CASE("two greenlets switch to each other, one of each kind of block", "[raw_greenlet]") {
  StackScope one, two;
  REQUIRE(one->take_tls_block() != 0);
  ThreadGreenlet thread;
  int sum = 0;
  RawGreenlet *first = nullptr, *second = nullptr;
  LambdaGreenlet a(*one, one->tls_block(), [&]() -> RawGreenlet& {
    for (int i = 0; i < 1000; ++i) {
      ++sum;
      RawGreenlet::switch_to(*first, *second);
    }
    run_thread_destructors();
    return *second;
  });
  LambdaGreenlet b(*two, arch::thread_pointer(), [&]() -> RawGreenlet& {
    for (int i = 0; i < 1000; ++i) {
      sum += 1000;
      RawGreenlet::switch_to(*second, *first);
    }
    return thread;
  });
  first = &a;
  second = &b;
  RawGreenlet::switch_to(thread, a);
  CHECK(sum == 1'001'000);
  CHECK(a.deaths == 1);
  CHECK(b.deaths == 1);
}

TEST_CASE_METHOD(OnEitherBlock, "when_dead is called once, after the stack is left", "[raw_greenlet]") {
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    RawGreenlet::switch_to(greenlet, thread);
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(greenlet.deaths == 0);
  greenlet.died_on = &*stack;
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(greenlet.deaths == 1);
  CHECK(greenlet.died_on == nullptr);
}

TEST_CASE_METHOD(OnEitherBlock, "a greenlet that dies is followed by a fresh one", "[raw_greenlet]") {
  StackScope other;
  bool ran = false;
  LambdaGreenlet next(*other, block_of(*other), [&]() -> RawGreenlet& {
    ran = true;
    return end(thread);
  });
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& { return end(next); });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(ran);
  CHECK(greenlet.deaths == 1);
  CHECK(greenlet.died_on == &*other);
}

TEST_CASE_METHOD(OnEitherBlock, "a greenlet that was given back leaves its stack to the next", "[raw_greenlet]") {
  int runs = 0;
  for (int i = 0; i < 100; ++i) {
    LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
      ++runs;
      return end(thread);
    });
    RawGreenlet::switch_to(thread, greenlet);
  }
  CHECK(runs == 100);
}

TEST_CASE_METHOD(OnEitherBlock, "errno is each greenlet's own", "[raw_greenlet]") {
  std::vector<int> seen;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    for (int i = 100; i < 103; ++i) {
      errno = i;
      RawGreenlet::switch_to(greenlet, thread);
      seen.push_back(errno);
    }
    return end(thread);
  });
  for (int i = 200; i < 204; ++i) {
    errno = i;
    RawGreenlet::switch_to(thread, greenlet);
    const int mine = errno;
    CHECK(mine == i);
  }
  CHECK(seen == std::vector<int>{100, 101, 102});
}

TEST_CASE_METHOD(OnEitherBlock, "a catch block keeps its exception while others throw", "[raw_greenlet]") {
  std::string theirs, mine;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    try {
      throw std::runtime_error("greenlet");
    } catch (const std::exception&) {
      RawGreenlet::switch_to(greenlet, thread);
      try {
        throw;  // what is being handled here
      } catch (const std::exception& error) {
        theirs = error.what();
      }
    }
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(std::current_exception() == nullptr);
  try {
    throw std::logic_error("test");
  } catch (const std::exception&) {
    RawGreenlet::switch_to(thread, greenlet);
    try {
      throw;
    } catch (const std::exception& error) {
      mine = error.what();
    }
  }
  CHECK(theirs == "greenlet");
  CHECK(mine == "test");
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE_METHOD(OnEitherBlock, "an exception in flight is not in flight elsewhere", "[raw_greenlet]") {
  int during = -1;
  std::string caught;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    try {
      const SwitchesWhenUnwound guard{greenlet, thread, during};
      throw std::runtime_error("unwound");
    } catch (const std::exception& error) {
      caught = error.what();
    }
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(std::uncaught_exceptions() == 0);
  bool own = false;
  try {
    throw 1;
  } catch (int) {
    own = true;
  }
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(own);
  CHECK(during == 1);
  CHECK(caught == "unwound");
}

TEST_CASE_METHOD(OnEitherBlock, "two unwindings overlap", "[raw_greenlet]") {
  int theirs = -1, mine = -1;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    try {
      const SwitchesWhenUnwound guard{greenlet, thread, theirs};
      throw 1;
    } catch (int) {
    }
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  try {
    const SwitchesWhenUnwound guard{thread, greenlet, mine};
    throw 2;
  } catch (int number) {
    CHECK(number == 2);
  }
  CHECK(theirs == 1);
  CHECK(mine == 1);
  CHECK(std::uncaught_exceptions() == 0);
}

TEST_CASE_METHOD(OnEitherBlock, "an exception passes many frames of a greenlet", "[raw_greenlet]") {
  struct Deep {
    static int throw_at(int depth) {
      const auto alive = std::make_unique<int>(depth);
      if (depth == 0) throw std::string("deep");
      return throw_at(depth - 1) + *alive;
    }
  };
  std::string caught;
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    try {
      Deep::throw_at(100);
    } catch (const std::string& text) {
      caught = text;
    }
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(caught == "deep");
}

TEST_CASE_METHOD(OnEitherBlock, "the rounding mode is each greenlet's own", "[raw_greenlet]") {
  LambdaGreenlet greenlet(*stack, block_of(*stack), [&]() -> RawGreenlet& {
    std::fesetround(FE_UPWARD);
    RawGreenlet::switch_to(greenlet, thread);
    return end(thread);
  });
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(std::fegetround() == FE_TONEAREST);
  RawGreenlet::switch_to(thread, greenlet);
  CHECK(std::fegetround() == FE_TONEAREST);
}
