#include "greenlet/resolver_state.h"

#include "greenlet/stack.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// Asked anew each time: the header lets the compiler keep the answer.
const struct __res_state* running_state() {
  struct __res_state* (*volatile ask)() = __res_state;
  return ask();
}

}  // namespace

TEST_CASE("a block has the main thread's resolver state but while it is given one", "[resolver_state]") {
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  const auto* const native = running_state();
  const struct __res_state *before = nullptr, *own = nullptr, *after = nullptr;
  unsigned long options = 1;
  run_on(*stack, [&] {
    before = running_state();
    {
      const ResolverState state;
      own = running_state();
      options = own->options;
    }
    after = running_state();
  });
  CHECK(before == native);
  CHECK(own != native);
  CHECK(options == 0);
  CHECK(after == native);
  CHECK(running_state() == native);
}

TEST_CASE("two blocks do not share their resolver states", "[resolver_state]") {
  const ResolverState outer;
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  const auto* const here = running_state();
  const struct __res_state* there = nullptr;
  run_on(*stack, [&] {
    const ResolverState inner;
    there = running_state();
  });
  CHECK(there != here);
  CHECK(running_state() == here);
}
