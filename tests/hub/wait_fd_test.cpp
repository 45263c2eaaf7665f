#include "hub/core/wait_fd.h"

#include <unistd.h>

#include <random>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::FdInterest;
using core::Wake;

namespace {

struct Pipes {
  explicit Pipes(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      pipes.push_back(DescriptorPair::pipe());
      interests.push_back({pipes.back().reader, true, false});
    }
  }

  void write_to(std::size_t index) {
    if (write(pipes[index].writer, "x", 1) != 1) throw std::runtime_error("a byte could not be written");
  }
  bool read_from(std::size_t index) {
    char byte;
    return read(pipes[index].reader, &byte, 1) == 1;
  }

  std::vector<DescriptorPair> pipes;
  std::vector<FdInterest> interests;
};

}  // namespace

TEST_CASE_METHOD(HubFixture, "any of a hundred pipes ends the wait", "[wait_fd]") {
  Pipes pipes(100);
  std::mt19937 random(5);
  int woken = 0, readable = 0;
  bool waits = false;
  std::size_t chosen = 0;
  spawn([&] {
    for (int i = 0; i < 200; ++i) {
      waits = true;
      const Wake wake = core::wait_any_fd(pipes.interests, "any", Deadline::in(20s));
      woken += wake == Wake::woken ? 1 : 0;
      readable += pipes.read_from(chosen) ? 1 : 0;
    }
  });
  spawn([&] {
    for (int i = 0; i < 200; ++i) {
      while (!waits) core::yield();
      waits = false;
      chosen = random() % 100;
      pipes.write_to(chosen);
    }
  });
  join_all();
  CHECK(woken == 200);
  CHECK(readable == 200);
}

TEST_CASE_METHOD(HubFixture, "several pipes that are ready at once end one wait", "[wait_fd]") {
  const std::size_t count = GENERATE(2, 8, 9, 100);  // few live on the stack
  Pipes pipes(count);
  for (std::size_t i = 0; i < count; ++i) pipes.write_to(i);
  Wake wake = core::wait_any_fd(pipes.interests, "any", Deadline::in(20s));
  CHECK(wake == Wake::woken);
  for (std::size_t i = 0; i < count; ++i) CHECK(pipes.read_from(i));
  wake = core::wait_any_fd(pipes.interests, "any", Deadline::in(1ms));
  CHECK(wake == Wake::timed_out);
}

TEST_CASE_METHOD(HubFixture, "what was waited for wakes nobody afterwards", "[wait_fd]") {
  Pipes pipes(20);
  pipes.write_to(3);
  core::wait_any_fd(pipes.interests, "any", Deadline::in(20s));
  for (std::size_t i = 0; i < 20; ++i) pipes.write_to(i);
  const Wake wake = park_until(Deadline::in(2ms));
  CHECK(wake == Wake::timed_out);
}

TEST_CASE_METHOD(HubFixture, "forgetting one of many interrupts", "[wait_fd]") {
  Pipes pipes(20);
  Wake wake{};
  spawn([&] { wake = core::wait_any_fd(pipes.interests, "any", Deadline::in(20s)); });
  core::yield();
  forget_descriptor(pipes.interests[11].fd);
  join_all();
  CHECK(wake == Wake::interrupted);
}

TEST_CASE_METHOD(HubFixture, "either direction of one descriptor ends the wait", "[wait_fd]") {
  const DescriptorPair sockets = DescriptorPair::sockets();
  const FdInterest both{sockets.reader, true, true};
  Wake wake = core::wait_any_fd({&both, 1}, "any", Deadline::in(20s));
  CHECK(wake == Wake::woken);
  const FdInterest neither{sockets.reader, false, false};
  wake = core::wait_any_fd({&neither, 1}, "any", Deadline::in(1ms));
  CHECK(wake == Wake::timed_out);
}

TEST_CASE_METHOD(HubFixture, "no descriptor at all is a sleep", "[wait_fd]") {
  const Deadline deadline = Deadline::in(1ms);
  const Wake wake = core::wait_any_fd({}, "any", deadline);
  CHECK(wake == Wake::timed_out);
  CHECK(deadline.has_passed());
}

TEST_CASE_METHOD(HubFixture, "a descriptor that has no record is waited for in steps", "[wait_fd]") {
  const Deadline deadline = Deadline::in(3ms);
  Wake wake = Wake::woken;
  int steps = 0;
  for (; wake == Wake::woken; ++steps)
    wake = core::wait_fd(core::Descriptors::limit, core::Direction::read, "test", deadline);
  CHECK(wake == Wake::timed_out);
  CHECK(deadline.has_passed());
  CHECK(steps <= 4);
}
