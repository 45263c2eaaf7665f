// Hubs::stay_in_parent and Hub::restart_after_fork.
#include <unistd.h>

#include <string>

#include "greenlet/tls_block.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "tests/support/catch.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Direction;
using core::Wake;

namespace {

void restart() {
  core::HubGreenlet& self = *core::current;
  if (&self != &core::Hubs::main_greenlet()) leave_glibc_lists();
  core::Hubs::stay_in_parent();
  const core::Runtime runtime;
  self.home->restart_after_fork(self);
}

Wake wait_readable(int fd) { return core::wait_fd(fd, Direction::read, "test", Deadline::in(20s)); }

void require_success(const ChildEnd& end) {
  INFO(end.errors);
  CHECK(end.exited);
  CHECK(end.code == 0);
}

}  // namespace

TEST_CASE_METHOD(HubFixture, "the child of fork has the calling greenlet alone", "[fork]") {
  int ran = 0;
  core::HubGreenlet& parked = spawn([&] {
    park_for_ever();
    ++ran;
  });
  spawn([&] {
    sleep_for(1ms);
    ++ran;
  });
  core::yield();
  spawn([&] { ++ran; });  // ready when we fork
  wake_up(parked);
  require_success(in_child([&] {
    restart();
    if (hub.alive() != 1 || core::current != &core::Hubs::main_greenlet()) return 1;
    sleep_for(5ms);
    for (int i = 0; i < 100; ++i) core::yield();
    return ran == 0 ? 0 : 2;
  }));
  join_all();
  CHECK(ran == 3);
}

TEST_CASE_METHOD(HubFixture, "the child's hub sleeps, spawns and waits for descriptors", "[fork]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  require_success(in_child([&] {
    restart();
    const Deadline deadline = Deadline::in(1ms);
    if (park_until(deadline) != Wake::timed_out || !deadline.has_passed()) return 1;
    spawn([&] {
      core::yield();
      if (write(pipe.writer, "x", 1) != 1) _exit(2);
    });
    if (wait_readable(pipe.reader) != Wake::woken) return 3;
    join_all();
    return hub.alive() == 1 ? 0 : 4;
  }));
}

TEST_CASE_METHOD(HubFixture, "a child forked by a greenlet goes on as it", "[fork]") {
  ChildEnd end{};
  int before = 0;
  core::HubGreenlet& other = spawn([&] {
    park_for_ever();
    ++before;
  });
  spawn([&] {
    end = in_child([&] {
      restart();
      if (hub.alive() != 1 || &core::Hubs::main_greenlet() != core::current) return 1;
      if (park_until(Deadline::in(1ms)) != Wake::timed_out) return 2;
      int ran = 0;
      for (int i = 0; i < 100; ++i) spawn([&] { ++ran; });
      yield_until([&] { return ran == 100; });
      return before == 0 ? 0 : 3;
    });
  });
  yield_until([&] { return hub.alive() == 2; });
  wake_up(other);
  join_all();
  require_success(end);
}

TEST_CASE_METHOD(HubFixture, "the parent's waits go on after a child has restarted and ended", "[fork]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  Wake wake = Wake::timed_out;
  int slept = 0;
  spawn([&] { wake = wait_readable(pipe.reader); });
  spawn([&] {
    sleep_for(1ms);
    ++slept;
  });
  core::yield();
  require_success(in_child([&] {
    restart();
    sleep_for(1ms);
    spawn([&] { forget_descriptor(pipe.reader); });
    for (int i = 0; i < 10; ++i) core::yield();
    return 0;
  }));
  if (write(pipe.writer, "x", 1) != 1) wake = Wake::interrupted;
  join_all();
  CHECK(wake == Wake::woken);
  CHECK(slept == 1);
}

TEST_CASE_METHOD(HubFixture, "a child's child restarts as well", "[fork]") {
  require_success(in_child([&] {
    restart();
    sleep_for(1ms);
    const ChildEnd grandchild = in_child([&] {
      restart();
      int ran = 0;
      spawn([&] { ++ran; });
      sleep_for(1ms);
      return ran == 1 ? 0 : 1;
    });
    return grandchild.exited ? grandchild.code : 2;
  }));
}

TEST_CASE_METHOD(HubFixture, "a child without a hub waits in the kernel", "[fork]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  const auto begin_alone = [] {
    core::Hubs::stay_in_parent();
    return core::can_park() || core::Hubs::count() != 0 || &core::Hubs::main_greenlet() != core::current ? 1 : 0;
  };
  require_success(in_child([&] {
    if (begin_alone() != 0) return 1;
    core::yield();
    const Deadline deadline = Deadline::in(1ms);
    return park_until(deadline) == Wake::timed_out && deadline.has_passed() ? 0 : 2;
  }));
  ChildEnd end{};
  spawn([&] { end = in_child(begin_alone); });
  join_all();
  require_success(end);
}
