#include "evergreen/deadline.h"

#include "tests/support/catch.h"

using evergreen::Deadline;
using namespace std::chrono_literals;

TEST_CASE("never has not passed, and is later than any other", "[deadline]") {
  CHECK(Deadline::never().is_never());
  CHECK_FALSE(Deadline::never().has_passed());
  CHECK(Deadline::in(1000h) < Deadline::never());
}

TEST_CASE("now has passed, an hour from now has not", "[deadline]") {
  CHECK(Deadline::now().has_passed());
  CHECK_FALSE(Deadline::in(1h).has_passed());
  CHECK_FALSE(Deadline::in(1h).is_never());
}

TEST_CASE("a negative length has passed", "[deadline]") {
  CHECK(Deadline::in(-1ns).has_passed());
  CHECK(Deadline::in(-1h).has_passed());
}

TEST_CASE("a length that the clock cannot count is never", "[deadline]") {
  CHECK(Deadline::in(std::chrono::hours::max()).is_never());
  CHECK(Deadline::in(std::chrono::nanoseconds::max()).is_never());
  CHECK(Deadline::in(std::chrono::duration<double>(1e300)).is_never());
}

TEST_CASE("a length is rounded up, never down", "[deadline]") {
  const auto before = Deadline::Clock::now();
  CHECK(Deadline::in(std::chrono::duration<double, std::nano>(0.5)).when() >= before + 1ns);
  CHECK(Deadline::in(5ms).when() >= before + 5ms);
}
