#include "hub/core/settings.h"

#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// What a process that starts with this value of the variable takes it for. In a child: settings are read once.
ChildEnd stack_size_is(const char* text, std::size_t expected) {
  return in_child([&] {
    if (text != nullptr) setenv("EVERGREEN_STACK_SIZE", text, 1);
    if (text == nullptr) unsetenv("EVERGREEN_STACK_SIZE");
    return core::read_settings().stack_size == expected ? 0 : 1;
  });
}

}  // namespace

TEST_CASE("a setting is a number, in bytes or in units", "[settings]") {
  struct Row {
    const char* text;
    std::size_t value;
  };
  for (const Row row : {Row{nullptr, 0}, Row{"0", 0}, Row{"65536", 65536}, Row{"64K", 65536}, Row{"64k", 65536},
                        Row{"2M", 2U << 20}, Row{"1G", 1U << 30}}) {
    INFO((row.text == nullptr ? "unset" : row.text));
    const ChildEnd end = stack_size_is(row.text, row.value);
    CHECK(end.code == 0);
    CHECK(end.errors.empty());
  }
}

TEST_CASE("a setting that is no number is reported and not used", "[settings]") {
  for (const char* text : {"", "many", "-1", "+1", " 1", "1Q", "1KK", "0x10", "99999999999999999999", "17179869184G"}) {
    INFO(text);
    const ChildEnd end = stack_size_is(text, 0);
    CHECK(end.code == 0);
    CHECK(end.errors == "evergreen: EVERGREEN_STACK_SIZE=" + std::string(text) + " is not a number; using 0\n");
  }
}
