#include "tests/library/fixture.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "hub/core/hubs.h"
#include "hub/core/library.h"

static const pid_t process_of_tests = getpid();

// LeakSanitizer asks. In a forked child it does not see the stacks of the threads that stayed in the parent.
extern "C" int __lsan_is_turned_off() {  // NOLINT(readability-identifier-naming,bugprone-reserved-identifier)
  return getpid() != process_of_tests;
}

namespace evergreen::test {

namespace {

// But for regular files: on busy cores the monitor reports who holds up the others, and has those of the program and
// its libraries open then, to look names up in.
std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code closed_meanwhile;
    if (!std::filesystem::is_regular_file(entry.path(), closed_meanwhile) && !closed_meanwhile) ++count;
  }
  return count;
}

}  // namespace

LibraryFixture::LibraryFixture() {
  core::library_hub();
  settle();
  descriptors_ = open_descriptors();
}

LibraryFixture::~LibraryFixture() {
  settle();
  CHECK(core::Hubs::alive() == 1);
  CHECK(open_descriptors() == descriptors_);
}

void settle() {
  for (int i = 0; i < 20; ++i) sleep(0s);
}

}  // namespace evergreen::test
