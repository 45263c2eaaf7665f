#include "tests/library/fixture.h"

#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "tests/support/process.h"

namespace evergreen::test {

LibraryFixture::LibraryFixture() {
  core::library_hub();
  settle();
  descriptors_ = open_descriptors();
}

LibraryFixture::~LibraryFixture() {
  settle();
  CHECK(core::Hubs::alive() == 1);
  // On busy cores the monitor may report who holds up the others, and has files open while it does, for seconds.
  for (const Deadline enough = 30s; open_descriptors() > descriptors_ && !enough.has_passed();) sleep(5ms);
  CHECK(open_descriptors() <= descriptors_);
}

void settle() {
  for (int i = 0; i < 20; ++i) sleep(0s);
}

}  // namespace evergreen::test
