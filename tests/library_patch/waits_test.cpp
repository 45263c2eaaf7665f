// Calls of libc that block, in greenlets of a program that links the patch: the others go on meanwhile, and they end by
// Timeout and kill() as evergreen/timeout.h says.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/library/fixture.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// How a call failed, first and when it was made again, in a scope whose Timeout has passed.
struct Failures {
  int first = 0, second = 0;
  bool was_thrown = false;
};

template <class Call>
Failures in_timeout(Call call) {
  Failures seen;
  try {
    const Timeout timeout(5ms);
    errno = 0;
    if (call() < 0) seen.first = errno;
    errno = 0;
    if (call() < 0) seen.second = errno;
  } catch (const Timeout&) {
    seen.was_thrown = true;
  }
  return seen;
}

void require_interrupted(const Failures& seen) {
  CHECK(seen.first == EINTR);
  CHECK(seen.second == ETIMEDOUT);
  CHECK(seen.was_thrown);
}

// Runs a call that waits, and meanwhile another greenlet, which ends the wait.
template <class Call, class Other>
auto beside(Call call, Other other) {
  auto waiter = spawn(call);
  sleep(0s);
  CHECK_FALSE(waiter.dead());
  other();
  return waiter.get();
}

}  // namespace

TEST_CASE("the patch tells what it stands in for", "[patch]") {
  CHECK(patch::loaded());
  CHECK(patch::is_patched("recv"));
  CHECK(patch::is_patched("getaddrinfo"));
  CHECK_FALSE(patch::is_patched("strlen"));
  CHECK_FALSE(patch::is_patched("no such function"));
}

TEST_CASE_METHOD(LibraryFixture, "a blocking call on a descriptor parks its greenlet", "[patch]") {
  DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  char byte = 0;
  CHECK(beside([&] { return recv(pair.reader, &byte, 1, 0); }, [&] { CHECK(write(pair.writer, "r", 1) == 1); }) == 1);
  CHECK(beside([&] { return read(pair.reader, &byte, 1); }, [&] { CHECK(write(pair.writer, "r", 1) == 1); }) == 1);
  pollfd state{pair.reader, POLLIN, 0};
  CHECK(beside([&] { return poll(&state, 1, -1); }, [&] { CHECK(write(pair.writer, "r", 1) == 1); }) == 1);
}

TEST_CASE_METHOD(LibraryFixture, "a Timeout ends waits for descriptors, as interrupted and then as timed out",
                 "[patch]") {
  const DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  char byte = 0;
  require_interrupted(in_timeout([&] { return recv(pair.reader, &byte, 1, 0); }));
  require_interrupted(in_timeout([&] { return read(pair.reader, &byte, 1); }));
  require_interrupted(in_timeout([&] {
    pollfd state{pair.reader, POLLIN, 0};
    return poll(&state, 1, -1);
  }));
  require_interrupted(in_timeout([&] {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair.reader, &set);
    return select(pair.reader + 1, &set, nullptr, nullptr, nullptr);
  }));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{EPOLLIN, {}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, pair.reader, &event);
  require_interrupted(in_timeout([&] { return epoll_wait(epoll, &event, 1, -1); }));
  close(epoll);
}

TEST_CASE_METHOD(LibraryFixture, "a Timeout ends sleeps and waits for children and signals", "[patch]") {
  require_interrupted(in_timeout([] {
    const timespec minute{60, 0};
    return nanosleep(&minute, nullptr);
  }));
  require_interrupted(in_timeout([] { return usleep(60'000'000); }));
  bool was_thrown = false;
  try {
    const Timeout timeout(5ms);
    CHECK(::sleep(60) > 50);
  } catch (const Timeout&) {
    was_thrown = true;
  }
  CHECK(was_thrown);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  require_interrupted(in_timeout([&] { return waitpid(child, nullptr, 0); }));
  kill(child, SIGKILL);
  CHECK(waitpid(child, nullptr, 0) == child);
  require_interrupted(in_timeout([] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return sigwaitinfo(&set, nullptr);
  }));
}

TEST_CASE_METHOD(LibraryFixture, "a Timeout that does not pass leaves no trace", "[patch]") {
  const DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  char byte = 0;
  CHECK(write(pair.writer, "r", 1) == 1);
  const Timeout timeout(20s);
  CHECK(recv(pair.reader, &byte, 1, 0) == 1);
}

TEST_CASE_METHOD(LibraryFixture, "kill() ends the call of a C library, and the next wait throws", "[patch]") {
  const DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  int error = 0;
  bool went_on = false;
  auto reader = spawn([&] {
    char byte;
    if (recv(pair.reader, &byte, 1, 0) < 0) error = errno;
    sleep(0s);
    went_on = true;
  });
  sleep(0s);
  reader.kill();
  CHECK(reader.dead());
  CHECK(error == EINTR);
  CHECK_FALSE(went_on);
}

TEST_CASE_METHOD(LibraryFixture, "after a Timeout calls wait again", "[patch]") {
  const DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  char byte = 0;
  require_interrupted(in_timeout([&] { return recv(pair.reader, &byte, 1, 0); }));
  CHECK(beside([&] { return recv(pair.reader, &byte, 1, 0); }, [&] { CHECK(write(pair.writer, "r", 1) == 1); }) == 1);
  auto writer = spawn([&] {
    sleep(1ms);
    return write(pair.writer, "r", 1);
  });
  CHECK(recv(pair.reader, &byte, 1, 0) == 1);
  CHECK(writer.get() == 1);
}

TEST_CASE_METHOD(LibraryFixture, "a call that can only block lets the others go on", "[patch]") {
  char name[] = "/tmp/evergreen-lock-XXXXXX";
  const int held = mkstemp(name), wanted = open(name, O_RDWR | O_CLOEXEC);
  unlink(name);
  CHECK(flock(held, LOCK_EX) == 0);
  CHECK(beside([&] { return flock(wanted, LOCK_EX); }, [&] { CHECK(flock(held, LOCK_UN) == 0); }) == 0);
  close(held);
  close(wanted);
  addrinfo* found = nullptr;
  CHECK(spawn([&] { return getaddrinfo("localhost", nullptr, nullptr, &found); }).get() == 0);
  freeaddrinfo(found);
  CHECK(spawn([] { return system("exit 3"); }).get() == 3 << 8);
  errno = 0;
  CHECK(spawn([] { return flock(-1, LOCK_EX) < 0 ? errno : 0; }).get() == EBADF);
}

// Not with the fixture: the monitor may report that the others are held up, and keep what it opens for that.
TEST_CASE("an exempt scope waits in the kernel", "[patch]") {
  const DescriptorPair pair = DescriptorPair::sockets();
  fcntl(pair.reader, F_SETFL, 0);
  const timeval little{0, 2'000};
  setsockopt(pair.reader, SOL_SOCKET, SO_RCVTIMEO, &little, sizeof little);
  int ran = 0;
  auto other = spawn([&] { ++ran; });
  char byte;
  {
    const patch::Exempt scope;
    const patch::Exempt nested;
    CHECK(recv(pair.reader, &byte, 1, 0) < 0);
    CHECK(ran == 0);
  }
  CHECK(recv(pair.reader, &byte, 1, 0) < 0);
  CHECK(ran == 1);
  other.join();
}
