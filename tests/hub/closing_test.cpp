#include "hub/core/closing.h"

#include <memory>

#include "hub/core/hubs.h"
#include "tests/support/catch.h"

using namespace evergreen;

namespace {

constexpr int number = 1234;  // of no open file: only its word matters

}  // namespace

TEST_CASE("nobody begins to wait for a number that is being closed", "[closing]") {
  CHECK(core::watch(number, 1));
  {
    const core::Closing closing(number);
    CHECK(core::is_closing(number));
    CHECK_FALSE(core::watch(number, 1));
    CHECK_FALSE(core::watch(number, core::Hubs::limit - 1));
  }
  CHECK_FALSE(core::is_closing(number));
  CHECK(core::watch(number, core::Hubs::limit - 1));
  core::forget_watches();
}

TEST_CASE("the end of a close does not end that of the number's next owner", "[closing]") {
  auto first = std::make_unique<core::Closing>(number);
  {
    const core::ClosingRange second(number, number);
    first.reset();
    CHECK(core::is_closing(number));
    CHECK_FALSE(core::watch(number, 1));
  }
  CHECK_FALSE(core::is_closing(number));
  core::forget_watches();
}

TEST_CASE("a forked child forgets who was closing", "[closing]") {
  {
    const core::Closing closing(number);
    core::forget_watches();
    CHECK_FALSE(core::is_closing(number));
  }
  CHECK_FALSE(core::is_closing(number));
}
