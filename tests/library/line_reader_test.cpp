#include "evergreen/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ranges>
#include <vector>

#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

static_assert(std::ranges::input_range<Lines>);

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

std::vector<std::string> all(LineReader& reader) {
  std::vector<std::string> lines;
  for (std::string_view line : reader.lines()) lines.emplace_back(line);
  return lines;
}

}  // namespace

TEST_CASE_METHOD(LibraryFixture, "lines end with LF or CRLF, the last one may end with the stream", "[lines]") {
  Pipe pipe;
  pipe.write.write_all("one\ntwo\r\n\n\r\nthr\ree\nlast");
  pipe.write.close();
  LineReader reader(pipe.read);
  const auto lines = all(reader);
  CHECK(lines == std::vector<std::string>{"one", "two", "", "", "thr\ree", "last"});
  const bool is_end = !reader.next().has_value();
  CHECK(is_end);
}

TEST_CASE_METHOD(LibraryFixture, "an empty stream has no line", "[lines]") {
  Pipe pipe;
  pipe.write.close();
  LineReader reader(pipe.read);
  const auto lines = all(reader);
  CHECK(lines.empty());
}

TEST_CASE_METHOD(LibraryFixture, "a line comes as soon as it is complete, however its bytes come", "[lines]") {
  Pipe pipe;
  LineReader reader(pipe.read);
  auto reading = spawn([&] { return std::string(reader.next().value()); });
  for (const char* part : {"a", "b", "\r"}) {
    pipe.write.write_all(part);
    settle();
    CHECK_FALSE(reading.dead());
  }
  pipe.write.write_all("\nmore");
  const std::string line = reading.get();
  CHECK(line == "ab");
}

TEST_CASE_METHOD(LibraryFixture, "a line over the limit is an error, one at the limit is not", "[lines]") {
  Pipe pipe;
  pipe.write.write_all("12345\n12345\r\n123456\n");
  LineReader reader(pipe.read, 5);
  const std::string first(reader.next().value()), second(reader.next().value());
  CHECK(first == "12345");
  CHECK(second == "12345");
  CHECK_THROWS_AS(reader.next(), LineTooLong);
  CHECK_THROWS_AS(reader.next(), LineTooLong);
}

TEST_CASE_METHOD(LibraryFixture, "a line without end is an error before it has filled the memory", "[lines]") {
  Pipe pipe;
  auto writer = spawn([&] {
    for (;;) pipe.write.write_all(std::string(4096, 'x'));
  });
  LineReader reader(pipe.read, 100'000);
  CHECK_THROWS_AS(reader.next(), LineTooLong);
  writer.kill();
}

TEST_CASE_METHOD(LibraryFixture, "the part of a line that came before a deadline, a Timeout or a kill is kept",
                 "[lines]") {
  Pipe pipe;
  LineReader reader(pipe.read);
  pipe.write.write_all("one ");
  CHECK_THROWS_AS(reader.next(2ms), IoTimeout);
  pipe.write.write_all("two ");
  auto limited = spawn([&] {
    const Timeout timeout(2ms);
    reader.next();
  });
  CHECK_THROWS_AS(limited.get(), Timeout);
  pipe.write.write_all("three ");
  auto killed = spawn([&] { reader.next(); });
  settle();
  killed.kill();
  CHECK(killed.successful());
  pipe.write.write_all("four\n");
  const std::string line(reader.next().value());
  CHECK(line == "one two three four");
}
