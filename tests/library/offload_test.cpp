// offload() in the library's greenlets: what ends them ends their waits. The rest is in tests/hub/offload_test.cpp.
#include "evergreen/offload.h"

#include <atomic>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>

#include "tests/library/fixture.h"
#include "tests/support/gate.h"

using namespace evergreen;
using namespace evergreen::test;

TEST_CASE_METHOD(LibraryFixture, "a killed greenlet stops waiting for its call, which goes on", "[offload]") {
  Gate begun(2), gate(2);
  Event over;
  const auto caller = spawn([&] {
    offload([&] {
      begun.pass();
      gate.pass();
      over.set();
    });
  });
  sleep(0);
  CHECK(begun.pass());
  caller.kill();
  CHECK(caller.dead());
  CHECK(caller.successful());
  CHECK(gate.pass());
  over.wait();
}

TEST_CASE_METHOD(LibraryFixture, "kill gives an offloading greenlet its exception", "[offload]") {
  Gate begun(2), gate(2);
  Event over;
  std::string caught;
  const auto caller = spawn([&] {
    try {
      offload([&] {
        begun.pass();
        gate.pass();
        over.set();
      });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
  });
  sleep(0);
  CHECK(begun.pass());
  caller.kill(std::runtime_error("stop"));
  CHECK(caught == "stop");
  CHECK(gate.pass());
  over.wait();
}

TEST_CASE_METHOD(LibraryFixture, "a timeout ends the wait for an offloaded call", "[offload]") {
  struct Call {
    std::atomic<bool> begun = false;
    std::binary_semaphore go{0};
    Event over;
  };
  for (auto limit = 2ms;; limit *= 4) {  // on busy cores it may pass before the call begins
    const auto call = std::make_shared<Call>();
    bool mine = false;
    Timeout timeout(limit);
    try {
      offload([call] {
        call->begun = true;
        call->go.acquire();
        call->over.set();
      });
    } catch (const Timeout& passed) {
      mine = passed.is(timeout);
    }
    timeout.cancel();
    CHECK(mine);
    const bool begun = call->begun;
    call->go.release();
    if (!begun) continue;
    call->over.wait();
    break;
  }
}

TEST_CASE_METHOD(LibraryFixture, "a call is not made by a greenlet that is to end", "[offload]") {
  bool called = false;
  Timeout timeout(1ms);
  while (!timeout.deadline().has_passed()) {
  }
  CHECK_THROWS_AS(offload([&] { called = true; }), Timeout);
  CHECK_FALSE(called);
}

// The kill comes when the call is over: its result is kept, and the kill waits for the next wait.
TEST_CASE_METHOD(LibraryFixture, "a result that has come is not lost to a later kill", "[offload]") {
  int result = 0;
  bool ended = false;
  AnyGreenlet caller = spawn([&] {
    result = offload([&] {
      get_hub().spawn_from_thread([] {});  // the main greenlet is not the only one that runs
      return 7;
    });
    try {
      sleep(1h);
    } catch (const GreenletExit&) {
      ended = true;
      throw;
    }
  });
  while (result == 0) sleep(1ms);
  caller.kill();
  CHECK(result == 7);
  CHECK(ended);
}
