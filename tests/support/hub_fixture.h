// Greenlets from lambdas, for tests of hub/core/.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>

#include "greenlet/list.h"
#include "hub/core/hub.h"
#include "hub/core/park.h"
#include "hub/core/spawn.h"
#include "hub/core/wait_fd.h"

namespace evergreen::test {

class HubFixture;

class TestGreenlet : public core::HubGreenlet, public Link<TestGreenlet> {  // HubFixture::alive_
 public:
  TestGreenlet(core::Hub& hub, const core::Place& place, HubFixture& fixture, std::function<void()> body);

 private:
  friend class HubFixture;
  static RawGreenlet& entry(RawGreenlet& raw);

  HubFixture& fixture_;
  std::function<void()> body_;
};

// The hub of the process, driven by the main thread, whose test body is its main greenlet.
//
//     TEST_CASE_METHOD(HubFixture, "...", "[park]") {
//       spawn([&] { ... });
//       join_all();
//     }
//
// A test ends with join_all(). Its teardown proves that nothing is left behind: no greenlet, no stack, no descriptor.
// Greenlets may REQUIRE: join_all() throws on what ended the first of them. Evaluate what switches before the
// assertion, not inside: Catch2 knows one assertion at a time. Threads: the main one.
class HubFixture {
 public:
  HubFixture();
  ~HubFixture();
  HubFixture(const HubFixture&) = delete;
  HubFixture& operator=(const HubFixture&) = delete;

  core::HubGreenlet& spawn(std::function<void()> body);

  // Parks until every greenlet of this test has ended. Says who is stuck, and aborts, after half a minute.
  void join_all();

  // Yields until `condition` holds; fails the test after half a minute.
  void yield_until(const std::function<bool()>& condition);

  core::Hub& hub;

 private:
  friend class TestGreenlet;
  static void when_dead(RawGreenlet& raw) noexcept;
  void has_ended(TestGreenlet& greenlet) noexcept;
  [[noreturn]] void report_stuck() noexcept;

  List<TestGreenlet> alive_;  // TestGreenlet::Link
  core::HubGreenlet* joiner_ = nullptr;
  std::exception_ptr failure_;
  std::size_t spawned_ = 0, buried_ = 0;
  const std::size_t descriptors_;
};

// park() as its users call it, for the running greenlet or kernel thread.
core::Wake park_until(Deadline deadline, const char* why = "test");
inline core::Wake park_for_ever() { return park_until(Deadline::never()); }

void wake_up(core::HubGreenlet& greenlet, core::Wake how = core::Wake::woken);

template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> length) {
  core::sleep_until(Deadline::in(length), "test");
}

// In hub code as in any other: what a Descriptors wants of its callers.
void forget_descriptor(int fd);

}  // namespace evergreen::test
