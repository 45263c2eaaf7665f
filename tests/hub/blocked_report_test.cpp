#include "hub/core/blocked_report.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/hub/blocked_code.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Blocked;
using core::blocked_line;
using core::BlockedPlaces;
using core::Frame;

namespace {

const std::string here = "handle in server", elsewhere = "parse in server";

Blocked look(std::uint64_t turn, std::chrono::nanoseconds so_far) {
  return {.greenlet = 7, .turn = turn, .others = 42, .so_far = so_far, .carrier = 0, .sleeps = false};
}

Frame frame(const char* name, const char* module = "server") {
  return {.pc = 1, .name = name, .module = module, .file = "", .line = 0};
}

}  // namespace

TEST_CASE("turns and times are counted by place", "[blocked]") {
  BlockedPlaces places;
  CHECK(places.note(here, look(1, 100ms)).times == 1);
  CHECK(places.note(here, look(1, 120ms)).times == 1);
  CHECK(places.note(here, look(1, 120ms)).in_all == 120ms);
  CHECK(places.note(here, look(2, 30ms)).times == 2);
  CHECK(places.note(here, look(2, 40ms)).in_all == 160ms);
  // One turn that goes on elsewhere: only what is new counts there.
  CHECK(places.note(elsewhere, look(2, 100ms)).in_all == 60ms);
  CHECK(places.note(elsewhere, look(2, 100ms)).times == 1);
  CHECK(places.note(here, look(3, 10ms)).in_all == 170ms);
}

TEST_CASE("a place is reported once a second at most, each by itself", "[blocked]") {
  BlockedPlaces places;
  const auto start = BlockedPlaces::Clock::time_point{};
  CHECK(places.is_due(here, start));
  CHECK_FALSE(places.is_due(here, start + 999ms));
  CHECK(places.is_due(elsewhere, start + 999ms));
  CHECK(places.is_due(here, start + 1s));
  CHECK_FALSE(places.is_due(here, start + 1999ms));
  CHECK(places.is_due(here, start + 2s));
}

TEST_CASE("the line of a report", "[blocked]") {
  Frame fib = frame("fib");
  fib.file = "server.c";
  fib.line = 31;
  Blocked blocked = look(1, 120ms);
  CHECK(blocked_line(blocked, {.times = 1, .in_all = 120ms}, {fib, frame("main")}, 480) ==
        "greenlet 7 has held up 42 others for 120 ms, computing: fib at server.c:31, main");
  blocked.sleeps = true;
  blocked.others = 1;
  CHECK(blocked_line(blocked, {.times = 3, .in_all = 2345ms}, {frame("read", "libc.so.6"), fib}, 480) ==
        "greenlet 7 has held up 1 other for 120 ms (3 times here, 2.3 s in all), blocked: read, fib at server.c:31");
  CHECK(blocked_line(blocked, {.times = 1}, {}, 480) == "greenlet 7 has held up 1 other for 120 ms, blocked");
  CHECK(blocked_line(blocked, {.times = 1}, {fib, fib, fib, frame("main")}, 480) ==
        "greenlet 7 has held up 1 other for 120 ms, blocked: fib at server.c:31 (3 calls), main");
  std::vector<Frame> many(100, fib);
  for (std::size_t i = 0; i < many.size(); i += 2) many[i] = frame("main");
  const std::string line = blocked_line(blocked, {.times = 1}, many, 200);
  CHECK(line.size() <= 200);
  CHECK(line.size() > 150);
  CHECK(line.ends_with(", ..."));
}

TEST_CASE("without a name, a place is one function of one library", "[blocked]") {
  Frame first = frame("", "libx.so"), second = first;
  first.function = second.function = 0x1000;
  first.pc = 0x1001;
  second.pc = 0x1002;
  CHECK(first.place() == second.place());
  first.base = 0x1000;
  CHECK(first.text() == "libx.so+0x1");
  second.function = 0x1003;
  CHECK(first.place() != second.place());
}

TEST_CASE("to blame is the innermost call of user's code, and what it called in libc", "[blocked]") {
  const Frame handle = frame("handle");
  const auto blamed = core::blame({frame("__syscall_cancel", "libc.so.6"), frame("read", "libc.so.6"), handle,
                                   frame("qsort", "libc.so.6"), frame("main")});
  CHECK(blamed.place == here);
  REQUIRE(blamed.frames.size() == 3);
  CHECK(blamed.frames[0].name == "read");
  CHECK(blamed.frames[1].name == "handle");
  CHECK(blamed.frames[2].name == "main");
  CHECK(core::blame({handle, frame("main")}).frames.size() == 2);
  CHECK(core::blame({frame("std::sort<int*>(int*, int*)"), handle}).place == here);
  const auto ours = core::blame({frame("epoll_wait", "libc.so.6"), frame("run", "libevergreen.so")});
  CHECK(ours.place == "epoll_wait in libc.so.6");
  CHECK(ours.frames.size() == 2);
  CHECK(core::blame({}).frames.empty());
}

TEST_CASE("a report names the function, once a second", "[blocked]") {
  const ChildEnd end = in_child([] {
    std::atomic<bool> stop = false, begun = false;
    std::atomic<pid_t> tid = 0;
    std::thread worker([&] {
      tid = static_cast<pid_t>(syscall(SYS_gettid));
      outer_o2({Work::computes, -1, &stop, &begun});
    });
    while (!begun) std::this_thread::yield();
    Blocked blocked = look(1, 20ms);
    blocked.carrier = tid;
    const auto start = BlockedPlaces::Clock::now();
    int looks = 0;
    for (; looks < 5; ++looks, blocked.so_far += 10ms) core::report_blocked(blocked);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(BlockedPlaces::Clock::now() - start).count();
    stop = true;
    worker.join();
    return static_cast<int>(seconds);
  });
  INFO(end.errors);
  REQUIRE(end.exited);
  const std::string begins = "evergreen: greenlet 7 has held up 42 others for ";
  CHECK(end.errors.find("compute(") != std::string::npos);
  CHECK(end.errors.find("middle(") != std::string::npos);
  CHECK(end.errors.find("outer_o2(") != std::string::npos);
  int lines = 0;
  for (std::size_t at = 0; (at = end.errors.find(begins, at)) != std::string::npos; ++at) ++lines;
  CHECK(lines >= 1);
  CHECK(lines <= end.code + 1);  // one more where some samples could not be had: that is a place of its own
}
