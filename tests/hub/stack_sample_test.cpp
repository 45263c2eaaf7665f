#include "hub/core/stack_sample.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/catch.h"

using namespace evergreen;

TEST_CASE("memory that is not there is read as far as it is", "[backtrace]") {
  char here[100] = "text";
  char copy[100] = "";
  CHECK(core::read_memory(reinterpret_cast<std::uint64_t>(here), copy, sizeof copy) == sizeof copy);
  CHECK(std::string(copy) == "text");
  CHECK(core::read_memory(8, copy, sizeof copy) == 0);
  constexpr std::size_t page = 4096;
  void* two = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(two != MAP_FAILED);
  REQUIRE(mprotect(static_cast<char*>(two) + page, page, PROT_NONE) == 0);
  CHECK(core::read_memory(reinterpret_cast<std::uint64_t>(two) + page - 50, copy, sizeof copy) == 50);
  munmap(two, 2 * page);
}
