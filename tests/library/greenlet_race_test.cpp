// Greenlets where another kernel thread comes between.
#include <atomic>
#include <thread>

#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "one that a thread kills as it begins either runs or never does", "[greenlet]") {
  Event done;
  std::atomic<int> begun = 0, ended = 0;
  std::thread thread([&] {
    for (int i = 0; i < 2000; ++i) {
      auto greenlet = spawn([&] {
        ++begun;
        try {
          sleep(1h);
        } catch (const GreenletExit&) {
          ++ended;
        }
      });
      for (std::atomic<int> spins = i % 50 * 100; spins > 0;) --spins;
      greenlet.kill();
    }
    done.set();
  });
  done.wait();
  thread.join();
  CHECK(begun == ended);
}
