#include "tests/support/hub_fixture.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "greenlet/tls_block.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"

namespace evergreen::test {
namespace {

core::Hub& the_hub() {
  struct MainGreenlet : core::HubGreenlet {};
  static core::Hub& hub = []() -> core::Hub& {
    // No second carrier, so no re-take: tests and their greenlets never run in parallel, however long one computes.
    setenv("EVERGREEN_CARRIERS", "1", 1);
    require_glibc();
    return core::Hub::start(*new MainGreenlet);
  }();
  return hub;
}

constexpr auto patience = std::chrono::seconds(30);

}  // namespace

TestGreenlet::TestGreenlet(core::Hub& hub, const core::Place& place, HubFixture& fixture, std::function<void()> body)
    : HubGreenlet(hub, place, entry), fixture_(fixture), body_(std::move(body)) {
  when_dead_ = HubFixture::when_dead;
}

RawGreenlet& TestGreenlet::entry(RawGreenlet& raw) {
  auto& self = static_cast<TestGreenlet&>(raw);
  enter_tls_block();
  core::begin_user_code(self);
  try {
    self.body_();
  } catch (...) {
    if (!self.fixture_.failure_) self.fixture_.failure_ = std::current_exception();
  }
  self.body_ = nullptr;
  run_thread_destructors();
  self.fixture_.has_ended(self);
  core::end_user_code();
  return self.home->leave_for_ever(self);
}

HubFixture::HubFixture() : hub(the_hub()), descriptors_(open_descriptors()) {}

HubFixture::~HubFixture() {
  if (alive_.first() != nullptr) report_stuck();
  CHECK(hub.alive() == 1);
  CHECK(buried_ == spawned_);
  CHECK(open_descriptors() == descriptors_);
}

core::HubGreenlet& HubFixture::spawn(std::function<void()> body) {
  auto& greenlet = core::make_greenlet<TestGreenlet>(hub, core::take_place(256 << 10), *this, std::move(body));
  const core::Runtime runtime;
  ++spawned_;
  alive_.push_back(greenlet);
  hub.adopt(greenlet);
  return greenlet;
}

void HubFixture::join_all() {
  while (alive_.first() != nullptr) {
    core::prepare_to_park(*core::current);
    joiner_ = core::current;
    const core::Wake wake = core::park(*core::current, "join_all", Deadline::in(patience));
    joiner_ = nullptr;
    if (wake == core::Wake::timed_out) report_stuck();
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void HubFixture::yield_until(const std::function<bool()>& condition) {
  const Deadline deadline = Deadline::in(patience);
  while (!condition()) {
    if (deadline.has_passed()) report_stuck();
    core::yield();
  }
}

void HubFixture::has_ended(TestGreenlet& greenlet) noexcept {
  const core::Runtime runtime;
  greenlet.Link<TestGreenlet>::unlink();
  if (alive_.first() == nullptr && joiner_ != nullptr) core::unpark(*joiner_, core::Wake::woken);
}

void HubFixture::when_dead(RawGreenlet& raw) noexcept {
  auto& greenlet = static_cast<TestGreenlet&>(raw);
  ++greenlet.fixture_.buried_;
  core::bury(greenlet);
}

// Their bodies refer to the test's variables, which are about to go, or gone: no test after this one can be trusted.
void HubFixture::report_stuck() noexcept {
  std::cout.flush();
  for (TestGreenlet* stuck = alive_.first(); stuck != nullptr; stuck = alive_.after(*stuck)) {
    std::fprintf(stderr, "greenlet %zu is left behind: %s\n", static_cast<std::size_t>(stuck->id),
                 stuck->waits_for != nullptr ? stuck->waits_for : "it waits for nothing");
  }
  std::abort();
}

core::Wake park_until(Deadline deadline, const char* why) {
  core::HubGreenlet& self = core::current_or_thread();
  core::prepare_to_park(self);
  return core::park(self, why, deadline);
}

void wake_up(core::HubGreenlet& greenlet, core::Wake how) {
  const core::Runtime runtime;
  core::unpark(greenlet, how);
}

void forget_descriptor(int fd) {
  const core::Runtime runtime;
  core::running_hub->descriptors().forget(fd);
}

}  // namespace evergreen::test
