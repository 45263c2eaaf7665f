#include "evergreen/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read, write;
};

int error_of(const auto& f) {
  try {
    f();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "wait_readable waits until there is something to read", "[io]") {
  Pipe pipe;
  auto waiting = spawn([&] { return wait_readable(pipe.read.get()); });
  settle();
  CHECK_FALSE(waiting.dead());
  pipe.write.write_all("x");
  const bool ready = waiting.get();
  CHECK(ready);
}

TEST_CASE_METHOD(LibraryFixture, "wait_readable and wait_writable end at their deadline", "[io]") {
  Pipe pipe;
  const Deadline deadline = Deadline::in(3ms);
  const bool ready = wait_readable(pipe.read.get(), deadline);
  CHECK_FALSE(ready);
  CHECK(deadline.has_passed());
  const bool has_room = wait_writable(pipe.write.get(), deadline);
  CHECK(has_room);
  const bool still_empty = !wait_readable(pipe.read.get(), Deadline::now());
  CHECK(still_empty);
  pipe.write.write_all("x");
  const bool now = wait_readable(pipe.read.get(), Deadline::now());
  CHECK(now);
}

TEST_CASE_METHOD(LibraryFixture, "who waits for a descriptor that is closed gets EBADF", "[io]") {
  Pipe pipe;
  auto waiting = spawn([&] { return error_of([&] { wait_readable(pipe.read.get()); }); });
  auto reading = spawn([&] { return error_of([&] { pipe.read.read(10); }); });
  settle();
  pipe.read.close();
  const int waited = waiting.get(), read = reading.get();
  CHECK(waited == EBADF);
  CHECK(read == EBADF);
  const int later = error_of([&] { wait_readable(pipe.read.get()); });
  CHECK(later == EBADF);
}

TEST_CASE_METHOD(LibraryFixture, "what ends a greenlet ends its wait for a descriptor", "[io]") {
  Pipe pipe;
  auto killed = spawn([&] { pipe.read.read(10); });
  auto limited = spawn([&] {
    const Timeout timeout(2ms);
    pipe.read.read(10);
  });
  settle();
  killed.kill();
  CHECK(killed.dead());
  CHECK(killed.successful());
  CHECK_THROWS_AS(limited.get(), Timeout);
  pipe.write.write_all("still there");
  const std::string data = pipe.read.read(100);
  CHECK(data == "still there");
}

TEST_CASE_METHOD(LibraryFixture, "a deadline of a read is an error of its own type, and loses nothing", "[io]") {
  Pipe pipe;
  CHECK_THROWS_AS(pipe.read.read(10, 2ms), IoTimeout);
  pipe.write.write_all("abc");
  const std::string data = pipe.read.read(10, 1s);
  CHECK(data == "abc");
}

TEST_CASE_METHOD(LibraryFixture, "the end of a pipe is an empty read", "[io]") {
  Pipe pipe;
  pipe.write.write_all("last words");
  pipe.write.close();
  const std::string all = pipe.read.read_all();
  CHECK(all == "last words");
  const std::string end = pipe.read.read(10);
  CHECK(end.empty());
}

TEST_CASE_METHOD(LibraryFixture, "more than a pipe holds goes through it while the other end is read", "[io]") {
  Pipe pipe;
  std::string sent;
  for (int i = 0; sent.size() < 1'000'000; ++i) sent += std::to_string(i);
  auto writer = spawn([&] {
    pipe.write.write_all(sent);
    pipe.write.close();
  });
  const std::string got = pipe.read.read_all();
  writer.get();
  CHECK(got == sent);
}

TEST_CASE_METHOD(LibraryFixture, "a pipe without a reader is an error, and no signal", "[io]") {
  Pipe pipe;
  pipe.read.close();
  const int error = error_of([&] { pipe.write.write_all("x"); });
  CHECK(error == EPIPE);
}

TEST_CASE_METHOD(LibraryFixture, "a FIFO and a file are read and written as a pipe is", "[io]") {
  const std::string name = "/tmp/evergreen-io-test-" + std::to_string(getpid());
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  Descriptor read(open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Descriptor write(open(name.c_str(), O_WRONLY | O_CLOEXEC));
  unlink(name.c_str());
  REQUIRE(fcntl(read.get(), F_SETFL, 0) == 0);
  const std::string sent(300'000, 'f');
  auto writer = spawn([&] {
    write.write_all(sent);
    write.close();
  });
  const std::string got = read.read_all();
  writer.get();
  CHECK(got == sent);

  Descriptor file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  file.write_all(sent);
  lseek(file.get(), 0, SEEK_SET);
  const std::string content = file.read_all();
  CHECK(content == sent);
}

TEST_CASE_METHOD(LibraryFixture, "a plain thread blocks until the descriptor is ready", "[io]") {
  Pipe pipe;
  Event gave_up, done;
  std::string got;
  bool timed_out = false;
  std::thread thread([&] {
    timed_out = !wait_readable(pipe.read.get(), 2ms);
    gave_up.set();
    got = pipe.read.read(10);
    done.set();
  });
  gave_up.wait();
  pipe.write.write_all("for you");
  done.wait();
  thread.join();
  CHECK(timed_out);
  CHECK(got == "for you");
}
