#include "hub/core/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/epoll_count.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Direction;
using core::Wake;

namespace {

Wake wait_readable(int fd, Deadline deadline = Deadline::never()) {
  return core::wait_fd(fd, Direction::read, "readable", deadline);
}

Wake wait_writable(int fd, Deadline deadline = Deadline::never()) {
  return core::wait_fd(fd, Direction::write, "writable", deadline);
}

// As a shim reads: try, wait, try again.
char read_byte(int fd, int* waits = nullptr) {
  char byte = 0;
  while (read(fd, &byte, 1) < 0 && errno == EAGAIN) {
    if (waits != nullptr) ++*waits;
    if (wait_readable(fd) == Wake::interrupted) return '!';
  }
  return byte;
}

void write_byte(int fd, char byte = 'x') {
  if (write(fd, &byte, 1) != 1) throw std::runtime_error("a byte could not be written");
}

void fill(int fd) {
  const std::array<char, 4096> bytes{};
  while (write(fd, bytes.data(), bytes.size()) > 0) {
  }
}

void drain(int fd) {
  std::array<char, 4096> bytes;
  while (read(fd, bytes.data(), bytes.size()) > 0) {
  }
}

// The number of `fd` will mean `now`, as close(2) and the next open(2) do it.
void replace(int fd, int now) {
  forget_descriptor(fd);
  if (dup3(now, fd, O_CLOEXEC) != fd) throw std::runtime_error("dup3");
}

}  // namespace

TEST_CASE_METHOD(HubFixture, "a waiter is woken when its descriptor becomes readable", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  Wake wake{};
  spawn([&] { wake = wait_readable(pipe.reader); });
  core::yield();
  write_byte(pipe.writer);
  join_all();
  CHECK(wake == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "a descriptor that is ready already wakes at once", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  write_byte(pipe.writer);
  for (int i = 0; i < 3; ++i) {
    const Wake wake = wait_readable(pipe.reader);
    CHECK(wake == Wake::woken);
  }
  const Wake wake = wait_writable(pipe.writer);
  CHECK(wake == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "the end of a file, and a hang-up, wake", "[descriptors]") {
  DescriptorPair pipe = DescriptorPair::pipe();
  Wake wake{};
  spawn([&] { wake = wait_readable(pipe.reader); });
  core::yield();
  close_forgotten(std::exchange(pipe.writer, -1));
  join_all();
  CHECK(wake == Wake::woken);
}

TEST_CASE_METHOD(HubFixture, "a wait for a descriptor ends at its deadline, not early", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  const Deadline deadline = Deadline::in(2ms);
  const Wake wake = wait_readable(pipe.reader, deadline);
  CHECK(wake == Wake::timed_out);
  CHECK(deadline.has_passed());
  SECTION("and does not steal the next waiter's event") {
    write_byte(pipe.writer);
    const Wake next = wait_readable(pipe.reader);
    CHECK(next == Wake::woken);
  }
}

TEST_CASE_METHOD(HubFixture, "of several waiters each byte wakes one, the oldest first", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  std::string order;
  int waits = 0;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    spawn([&, name] {
      read_byte(pipe.reader, &waits);
      order += name;
    });
  }
  core::yield();
  for (const char* expected : {"a", "ab", "abc", "abcd"}) {
    write_byte(pipe.writer);
    yield_until([&] { return order.size() == std::string(expected).size(); });
    CHECK(order == expected);
  }
  join_all();
  CHECK(waits == 4);
}

TEST_CASE_METHOD(HubFixture, "of many bytes and many waiters none is lost", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  int read = 0;
  for (int i = 0; i < 50; ++i) {
    spawn([&] {
      for (int k = 0; k < 20; ++k) {
        read_byte(pipe.reader);
        ++read;
      }
    });
  }
  spawn([&] {
    for (int i = 0; i < 1000; ++i) {
      write_byte(pipe.writer);
      if (i % 7 == 0) core::yield();
    }
  });
  join_all();
  CHECK(read == 1000);
}

TEST_CASE_METHOD(HubFixture, "a reader and a writer of one socket are woken apart", "[descriptors]") {
  const DescriptorPair sockets = DescriptorPair::sockets();
  fill(sockets.writer);
  std::string order;
  spawn([&] {
    wait_writable(sockets.writer);
    order += 'w';
  });
  spawn([&] {
    wait_readable(sockets.writer);
    order += 'r';
  });
  core::yield();
  SECTION("the reader first") {
    write_byte(sockets.reader);
    yield_until([&] { return !order.empty(); });
    CHECK(order == "r");
    drain(sockets.reader);
  }
  SECTION("the writer first") {
    drain(sockets.reader);
    yield_until([&] { return !order.empty(); });
    CHECK(order == "w");
    write_byte(sockets.reader);
  }
  join_all();
  CHECK(order.size() == 2);
}

TEST_CASE_METHOD(HubFixture, "forget() interrupts every waiter of both directions", "[descriptors]") {
  const DescriptorPair sockets = DescriptorPair::sockets();
  fill(sockets.writer);
  std::vector<Wake> wakes;
  for (int i = 0; i < 3; ++i) {
    spawn([&] { wakes.push_back(wait_readable(sockets.writer)); });
    spawn([&] { wakes.push_back(wait_writable(sockets.writer)); });
  }
  core::yield();
  forget_descriptor(sockets.writer);
  join_all();
  CHECK(wakes == std::vector<Wake>(6, Wake::interrupted));
}

TEST_CASE_METHOD(HubFixture, "forget() of a descriptor that nobody waited for does nothing", "[descriptors]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  for (const int fd : {pipe.reader, -1, core::Descriptors::limit, 1 << 30}) forget_descriptor(fd);
  SUCCEED();
}

TEST_CASE_METHOD(HubFixture, "a number's new owner gets no event of the old one", "[descriptors]") {
  const DescriptorPair old = DescriptorPair::pipe();
  const DescriptorPair fresh = DescriptorPair::pipe();
  const int number = old.reader;
  SECTION("that was waited for in vain") {
    const Wake wake = wait_readable(number, Deadline::in(1ms));
    CHECK(wake == Wake::timed_out);
  }
  SECTION("whose waiter is interrupted") {
    spawn([&] { wait_readable(number); });
    core::yield();
  }
  SECTION("that had been readable") {
    write_byte(old.writer);
    wait_readable(number);
  }
  write_byte(old.writer);
  replace(number, fresh.reader);
  const Wake nothing = wait_readable(number, Deadline::in(5ms));
  CHECK(nothing == Wake::timed_out);
  write_byte(fresh.writer);
  const Wake wake = wait_readable(number);
  CHECK(wake == Wake::woken);
  join_all();
}

TEST_CASE_METHOD(HubFixture, "a duplicate that keeps the old file open wakes no waiter of the new", "[descriptors]") {
  const DescriptorPair old = DescriptorPair::pipe();
  const DescriptorPair fresh = DescriptorPair::pipe();
  const int number = old.reader;
  wait_readable(number, Deadline::in(1ms));
  const int duplicate = fcntl(number, F_DUPFD_CLOEXEC, 0);
  replace(number, fresh.reader);
  write_byte(old.writer);
  const Wake nothing = wait_readable(number, Deadline::in(5ms));
  CHECK(nothing == Wake::timed_out);
  write_byte(fresh.writer);
  const Wake wake = wait_readable(number);
  CHECK(wake == Wake::woken);
  close_forgotten(duplicate);
}

TEST_CASE_METHOD(HubFixture, "numbers are used again a thousand times", "[descriptors]") {
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const DescriptorPair pipe = DescriptorPair::pipe();
    spawn([&] { wrong += read_byte(pipe.reader) == 'x' ? 0 : 1; });
    core::yield();
    write_byte(pipe.writer);
    join_all();
  }
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(HubFixture, "a descriptor out of range is not waited for", "[descriptors]") {
  core::FdWaiter waiter;
  waiter.greenlet = core::current;
  const core::Runtime runtime;
  CHECK_FALSE(hub.descriptors().add(-1, Direction::read, waiter));
  CHECK_FALSE(hub.descriptors().add(core::Descriptors::limit, Direction::read, waiter));
  CHECK_FALSE(waiter.is_linked());
}

TEST_CASE_METHOD(HubFixture, "a ping-pong makes no epoll_ctl", "[descriptors]") {
  const DescriptorPair sockets = DescriptorPair::sockets();
  constexpr int rounds = 1000;
  long before = 0, after = 0;
  spawn([&] {
    for (int i = 0; i < rounds + 10; ++i) {
      if (i == 10) before = epoll_ctl_calls();
      write_byte(sockets.writer);
      read_byte(sockets.writer);
    }
    after = epoll_ctl_calls();
  });
  spawn([&] {
    for (int i = 0; i < rounds + 10; ++i) write_byte(sockets.reader, read_byte(sockets.reader));
  });
  join_all();
  CHECK(before > 0);
  CHECK(after == before);
}
