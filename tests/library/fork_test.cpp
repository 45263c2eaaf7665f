// fork() in a program that uses the library, from its main greenlet and from others. gevent.os.fork: the child has a
// hub of its own; here it begins with the first use, and with the forking greenlet alone.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "hub/core/hubs.h"
#include "tests/library/fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// How a child ends, while the parent's greenlets go on.
int end_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, WNOHANG) == 0) sleep(1ms);
  return status;
}

template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child != 0) return end_of(child);
  alarm(30);
  _exit(body());
}

int use_library() {
  Event event;
  auto setter = spawn([&] {
    sleep(1ms);
    event.set();
    return 7;
  });
  if (!event.wait(20s)) return 1;
  if (setter.get() != 7) return 2;
  try {
    const Timeout timeout(2ms);
    Event().wait();
    return 3;
  } catch (const Timeout&) {
  }
  auto killed = spawn([] { Event().wait(); });
  sleep(0s);
  killed.kill();
  return killed.dead() && core::Hubs::alive() == 1 ? 0 : 4;
}

// How many descriptors of epoll the process has.
long epoll_count() {
  return std::ranges::count_if(std::filesystem::directory_iterator("/proc/self/fd"), [](const auto& entry) {
    std::error_code gone;  // the directory's own, by now
    return std::filesystem::read_symlink(entry.path(), gone).string().find("eventpoll") != std::string::npos;
  });
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "a child forked by the main greenlet uses the library again", "[fork]") {
  const int end = in_child(use_library);
  CHECK(end == 0);
  const int wrong = use_library();
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a child forked by a greenlet goes on as it", "[fork]") {
  const int end = spawn([] {
                    const std::uint64_t id = getcurrent().id();
                    return in_child([id] { return getcurrent().id() == id ? use_library() : 9; });
                  }).get();
  CHECK(end == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a child's child uses the library as well", "[fork]") {
  const int end = in_child([] {
    if (const int wrong = use_library()) return wrong;
    return in_child(use_library) == 0 ? 0 : 9;
  });
  CHECK(end == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a child waits without a hub until it spawns", "[fork]") {
  const int end = in_child([] {
    const Deadline until(2ms);
    sleep(until);
    if (!until.has_passed()) return 1;
    Event event;
    if (event.wait(1ms)) return 2;
    if (core::Hubs::count() != 0) return 4;  // with the patch a Timeout makes one
    try {
      const Timeout timeout(1ms);
      event.wait();
      return 3;
    } catch (const Timeout&) {
      return 0;
    }
  });
  CHECK(end == 0);
}

TEST_CASE_METHOD(LibraryFixture, "the other greenlets stay in the parent", "[fork]") {
  int ran = 0;
  Event event;
  const auto waits = [&] {
    event.wait();
    ++ran;
  };
  const auto sleeps = [&] {
    sleep(1ms);
    ++ran;
  };
  std::vector<Greenlet<void>> all{spawn(waits), spawn(waits), spawn(sleeps)};
  sleep(0s);
  auto ready = spawn([&] { ++ran; });
  const pid_t child = fork();
  if (child == 0) {
    if (const int wrong = use_library()) _exit(wrong);
    event.set();
    sleep(5ms);
    _exit(ran == 0 ? 0 : 9);
  }
  event.set();
  for (auto& one : all) one.join();
  ready.join();
  CHECK(ran == 4);
  const int end = end_of(child);
  CHECK(end == 0);
}

TEST_CASE_METHOD(LibraryFixture, "an object dies in the child for which a greenlet of the parent waits", "[fork]") {
  auto event = std::make_unique<Event>();
  auto waiter = spawn([&] { event->wait(); });
  sleep(0s);
  const int end = in_child([&] {
    auto other = spawn([&] { event->wait(); });
    sleep(0s);
    event->set();
    other.join();
    event.reset();
    return 0;
  });
  CHECK(end == 0);
  event->set();
  waiter.join();
}

TEST_CASE_METHOD(LibraryFixture, "a child has no part in the parent's loop", "[fork]") {
  const DescriptorPair pipe = DescriptorPair::pipe();
  auto reader = spawn([&] { return wait_readable(pipe.reader, 20s); });
  sleep(0s);
  const long before = epoll_count();
  const int end = in_child([&] {
    if (epoll_count() >= before) return 1;
    if (const int wrong = use_library()) return wrong;
    if (wait_readable(pipe.reader, Deadline::in(1ms))) return 8;
    close_forgotten(pipe.reader);
    return use_library();
  });
  CHECK(end == 0);
  CHECK(write(pipe.writer, "x", 1) == 1);
  CHECK(reader.get());
}

TEST_CASE_METHOD(LibraryFixture, "a greenlet that has forked ends its child when it returns", "[fork]") {
  const pid_t child = spawn([] {
                        const pid_t forked = fork();
                        if (forked == 0) spawn([] { sleep(1ms); }).join();
                        return forked;
                      }).get();
  REQUIRE(child > 0);
  const int end = end_of(child);
  CHECK(end == 0);
}

TEST_CASE_METHOD(LibraryFixture, "a child may run another program at once", "[fork]") {
  const pid_t child = spawn([] {
                        const pid_t forked = fork();
                        if (forked == 0) {
                          execlp("sh", "sh", "-c", "exit 3", nullptr);
                          _exit(1);
                        }
                        return forked;
                      }).get();
  const int end = end_of(child);
  CHECK(WEXITSTATUS(end) == 3);
}

TEST_CASE_METHOD(LibraryFixture, "forked children answer on one listening socket", "[fork]") {
  const DescriptorPair requests = DescriptorPair::sockets();
  constexpr int children = 3;
  std::vector<pid_t> ids;
  for (int i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      spawn([&] {
        char byte = 0;
        while (byte == 0 && wait_readable(requests.reader, 20s)) {
          if (recv(requests.reader, &byte, 1, MSG_DONTWAIT) != 1) byte = 0;  // another child has got it
        }
        if (send(requests.reader, &byte, 1, 0) != 1) _exit(2);
      }).join();
      _exit(0);
    }
    ids.push_back(child);
  }
  int answers = 0;
  CHECK(send(requests.writer, "xyz", children, 0) == children);
  for (char byte; answers < children && wait_readable(requests.writer, 20s);) {
    answers += recv(requests.writer, &byte, 1, MSG_DONTWAIT) == 1 ? 1 : 0;
  }
  CHECK(answers == children);
  for (const pid_t id : ids) {
    const int end = end_of(id);
    CHECK(end == 0);
  }
}
