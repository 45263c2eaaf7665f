#include "greenlet/overflow.h"

#include <csignal>
#include <cstdio>

#include "greenlet/raw_greenlet.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

void describe(const void* owner, char* text, unsigned long size) noexcept {
  std::snprintf(text, size, "greenlet %s", static_cast<const char*>(owner));
}

[[gnu::noinline]] int recurse(volatile char* above) {
  volatile char frame[1000];
  frame[0] = above[0];
  return frame[0] == 1 ? 0 : recurse(frame) + frame[0];
}

}  // namespace

TEST_CASE("a stack overflow is reported with its greenlet, then kills as always", "[overflow]") {
  StackScope stack;
  REQUIRE(stack->take_tls_block() != 0);
  stack->owner = "seventeen";
  const ChildEnd end = in_child([&] {
    report_stack_overflows(describe);
    run_on(*stack, [] {
      volatile char nothing = 0;
      recurse(&nothing);
    });
    return 0;
  });
  CHECK_FALSE(end.exited);
  CHECK(end.code == SIGSEGV);
  CHECK(end.errors.find("evergreen: stack overflow in greenlet seventeen: its stack has 124 KiB") == 0);
  CHECK(end.errors.find("--stack-size") != std::string::npos);
  CHECK(end.errors.back() == '\n');
}

TEST_CASE("any other fault is not called an overflow", "[overflow]") {
  require_glibc();
  const ChildEnd end = in_child([&] {
    report_stack_overflows(describe);
    volatile int* nowhere = nullptr;
    *nowhere = 1;
    return 0;
  });
  CHECK_FALSE(end.exited);
  CHECK(end.code == SIGSEGV);
  CHECK(end.errors.empty());
}

TEST_CASE("a SIGSEGV that somebody sends kills as always", "[overflow]") {
  require_glibc();
  const ChildEnd end = in_child([&] {
    report_stack_overflows(describe);
    raise(SIGSEGV);
    return 0;
  });
  CHECK_FALSE(end.exited);
  CHECK(end.code == SIGSEGV);
  CHECK(end.errors.empty());
}

TEST_CASE("a program's own handler of SIGSEGV is left alone", "[overflow]") {
  require_glibc();
  const ChildEnd end = in_child([&] {
    signal(SIGSEGV, [](int) { _exit(77); });
    report_stack_overflows(describe);
    raise(SIGSEGV);
    return 0;
  });
  CHECK(end.exited);
  CHECK(end.code == 77);
}
