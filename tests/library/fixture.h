// For tests of the library.
#pragma once

#include <cstddef>

#include "evergreen/evergreen.h"
#include "tests/support/catch.h"

namespace evergreen::test {

using namespace std::chrono_literals;

// A test whose teardown proves that it leaves no greenlet and no descriptor behind. Every test program has one hub, on
// the main thread, whose main greenlet runs the tests. Evaluate what waits before the assertion, not inside: Catch2
// knows one assertion at a time.
class LibraryFixture {
 public:
  LibraryFixture();
  ~LibraryFixture();
  LibraryFixture(const LibraryFixture&) = delete;
  LibraryFixture& operator=(const LibraryFixture&) = delete;

 private:
  std::size_t descriptors_;
};

// Lets all greenlets run that are ready, and those that they make ready, some rounds.
void settle();

}  // namespace evergreen::test
