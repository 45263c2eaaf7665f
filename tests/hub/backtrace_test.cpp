#include "hub/core/backtrace.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "greenlet/arch_x86_64.h"
#include "tests/hub/blocked_code.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;
using namespace std::chrono_literals;
using core::Frame;

namespace {

pid_t thread_id() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// Another thread at work, until it is told to end.
class Worker {
 public:
  explicit Worker(const std::function<long()>& body)
      : thread_([this, body] {
          tid_ = thread_id();
          result = body();
        }) {
    while (tid_ == 0) std::this_thread::yield();
  }
  ~Worker() { join(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void join() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] pid_t tid() const { return tid_; }

  long result = 0;

 private:
  std::atomic<pid_t> tid_{0};
  std::thread thread_;
};

void await_sleep(pid_t thread) {
  for (std::string line;;) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/syscall");
    if (std::getline(file, line) && line.find("running") == line.npos) {
      // Sleeping in read (0) or poll (7), not in what the start of a thread waits for.
      if (line.starts_with("0 ") || line.starts_with("7 ")) return;
    }
    std::this_thread::sleep_for(1ms);
  }
}

// A thread that runs may get no CPU for longer than a sample waits: then once more.
std::vector<Frame> backtrace_of(pid_t thread) {
  std::vector<Frame> frames;
  for (int i = 0; i < 50 && frames.empty(); ++i) frames = core::take_backtrace(thread);
  return frames;
}

std::string text_of(const std::vector<Frame>& frames) {
  std::string text;
  for (const Frame& frame : frames) text += frame.text() + "\n";
  return text;
}

// The names one after the other, with others in between or not.
bool in_order(const std::vector<Frame>& frames, std::initializer_list<const char*> names) {
  auto at = frames.begin();
  for (const char* name : names) {
    at = std::find_if(at, frames.end(), [&](const Frame& frame) { return frame.name.find(name) != std::string::npos; });
    if (at == frames.end()) return false;
    ++at;
  }
  return true;
}

using Outer = long (*)(const Work&);
struct Flavour {
  Outer outer;
  const char* name;
};
constexpr Flavour flavours[] = {{outer_o2, "outer_o2"}, {outer_o0, "outer_o0"}};

std::atomic<int> urgent{0};
void count_urgent(int) { ++urgent; }

}  // namespace

TEST_CASE("the backtrace of a thread that computes", "[backtrace]") {
  const Flavour flavour = GENERATE(flavours[0], flavours[1]);
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] { return flavour.outer({Work::computes, -1, &stop, &begun}); });
  while (!begun) std::this_thread::yield();
  const std::vector<Frame> frames = backtrace_of(worker.tid());
  stop = true;
  worker.join();
  INFO(text_of(frames));
  CHECK(in_order(frames, {"compute", "middle", flavour.name, "thread"}));
  const auto compute =
      std::find_if(frames.begin(), frames.end(), [](const Frame& f) { return f.name.find("compute") != f.name.npos; });
  REQUIRE(compute != frames.end());
  // Before it are only what it calls of std::, where that is not inlined.
  CHECK(std::all_of(frames.begin(), compute, [](const Frame& f) { return f.is_ours_or_libcs(); }));
  CHECK_FALSE(compute->is_ours_or_libcs());
  CHECK(compute->file == "blocked_code.cpp");
  CHECK(compute->line >= 15);
  CHECK(compute->line <= 20);
  CHECK(worker.result >= 0);
}

TEST_CASE("the backtrace of a thread that sleeps in the kernel, which notices nothing", "[backtrace]") {
  const Flavour flavour = GENERATE(flavours[0], flavours[1]);
  const bool polls = GENERATE(false, true);  // poll fails with EINTR after any signal, SA_RESTART or not
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  std::vector<Frame> frames;
  Worker worker([&] { return flavour.outer({polls ? Work::polls : Work::reads, fds[0], nullptr, nullptr}); });
  await_sleep(worker.tid());
  frames = core::take_backtrace(worker.tid());
  CHECK(write(fds[1], "x", 1) == 1);
  worker.join();
  close(fds[0]);
  close(fds[1]);
  INFO(text_of(frames));
  CHECK(in_order(frames, {polls ? "poll_for_byte" : "read_byte", "middle", flavour.name, "thread"}));
  CHECK(worker.result == 'x');
  REQUIRE_FALSE(frames.empty());
  CHECK(frames[0].is_ours_or_libcs());
  CHECK(text_of(frames).find("middle(evergreen::test::Work const&) at blocked_code.cpp:") != std::string::npos);
}

TEST_CASE("the program's SIGURG is its own again after a sample, and handed to it meanwhile", "[backtrace]") {
  struct sigaction mine {
  }, before{}, now{};
  mine.sa_handler = count_urgent;
  sigaction(SIGURG, &mine, &before);
  urgent = 0;
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] { return outer_o2({Work::computes, -1, &stop, &begun}); });
  Worker sender([&] {
    long sent = 0;
    for (; !stop; ++sent) {
      raise(SIGURG);
      std::this_thread::yield();
    }
    return sent;
  });
  while (!begun) std::this_thread::yield();
  int taken = 0;
  for (int i = 0; i < 20; ++i) taken += backtrace_of(worker.tid()).empty() ? 0 : 1;
  stop = true;
  worker.join();
  sender.join();
  sigaction(SIGURG, &before, &now);
  CHECK(now.sa_handler == count_urgent);
  CHECK(taken == 20);
  CHECK(urgent == sender.result);
}

TEST_CASE("a thread that blocks SIGURG while it computes has no backtrace", "[backtrace]") {
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] {
    sigset_t urg;
    sigemptyset(&urg);
    sigaddset(&urg, SIGURG);
    pthread_sigmask(SIG_BLOCK, &urg, nullptr);
    return outer_o2({Work::computes, -1, &stop, &begun});
  });
  while (!begun) std::this_thread::yield();
  CHECK(core::take_backtrace(worker.tid()).empty());
  stop = true;
}

TEST_CASE("a thread that is gone has no backtrace", "[backtrace]") {
  Worker worker([] { return 0; });
  worker.join();
  while (access(("/proc/self/task/" + std::to_string(worker.tid())).c_str(), F_OK) == 0) std::this_thread::yield();
  CHECK(core::take_backtrace(worker.tid()).empty());
}

TEST_CASE("a backtrace leaves no descriptor open", "[backtrace]") {
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] { return outer_o2({Work::computes, -1, &stop, &begun}); });
  while (!begun) std::this_thread::yield();
  const std::size_t before = open_descriptors();
  CHECK_FALSE(backtrace_of(worker.tid()).empty());
  CHECK(open_descriptors() == before);
  stop = true;
}

TEST_CASE("what the dynamic linker knows will do without libdw", "[backtrace]") {
  const Frame frame = core::frame_without_libdw(reinterpret_cast<std::uint64_t>(&getppid) + 1);
  CHECK(frame.name == "getppid");
  CHECK(frame.module.starts_with("libc.so"));
  CHECK(frame.function == frame.pc - 1);
  CHECK(frame.is_ours_or_libcs());
  const Frame nowhere = core::frame_without_libdw(0x4711);
  CHECK(nowhere.text() == "0x4711");
}

TEST_CASE("a call at the very end of a function counts as that function's", "[backtrace]") {
  const Flavour flavour = GENERATE(flavours[0], flavours[1]);
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  Worker worker([&] { return flavour.outer({Work::reads_at_end, fds[0], nullptr, nullptr}); });
  await_sleep(worker.tid());
  const std::vector<Frame> frames = core::take_backtrace(worker.tid());
  CHECK(write(fds[1], "x", 1) == 1);
  worker.join();
  close(fds[0]);
  close(fds[1]);
  INFO(text_of(frames));
  CHECK(in_order(frames, {"read_byte", "read_and_throw", "ends_in_call", "caught", "middle"}));
  CHECK(worker.result == 'x');
}

TEST_CASE("a function begins at one place in all samples", "[backtrace]") {
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] { return outer_o2({Work::computes, -1, &stop, &begun}); });
  while (!begun) std::this_thread::yield();
  std::set<std::uint64_t> functions, places;
  for (int i = 0; i < 20; ++i) {
    for (const Frame& frame : backtrace_of(worker.tid())) {
      if (frame.name.find("compute") == std::string::npos) continue;
      functions.insert(frame.function);
      places.insert(frame.pc);
    }
  }
  stop = true;
  REQUIRE(functions.size() == 1);
  CHECK(*functions.begin() < *places.begin());
}

TEST_CASE("an inlined call is there, and its caller with the line of the call", "[backtrace]") {
  std::atomic<bool> stop = false, begun = false;
  Worker worker([&] { return outer_o2({Work::computes_inlined, -1, &stop, &begun}); });
  while (!begun) std::this_thread::yield();
  const std::vector<Frame> frames = backtrace_of(worker.tid());
  stop = true;
  worker.join();
  INFO(text_of(frames));
  const auto first = std::find_if(frames.begin(), frames.end(), [](const Frame& f) { return !f.is_ours_or_libcs(); });
  REQUIRE(frames.end() - first >= 2);
  CHECK(first->name.find("inlined") != std::string::npos);
  CHECK(first->file == "blocked_code.cpp");
  CHECK(first[1].name.find("middle") != std::string::npos);
  CHECK(first[1].text().ends_with("blocked_code.cpp:" + std::to_string(line_of_inlined_call)));
  CHECK(first[0].place() != first[1].place());
  for (const Frame& frame : frames) {
    INFO(frame.text());
    if (frame.name.find("invoke") != std::string::npos) CHECK(frame.is_ours_or_libcs());
  }
}

TEST_CASE("the backtrace of a greenlet ends with its stack", "[backtrace]") {
  const Flavour flavour = GENERATE(flavours[0], flavours[1]);
  const bool reads = GENERATE(false, true);
  int fds[2];
  REQUIRE(pipe(fds) == 0);
  std::atomic<bool> stop = false, begun = false;
  require_glibc();
  Worker worker([&] {
    StackScope stack;
    ThreadGreenlet caller;
    long result = 0;
    LambdaGreenlet greenlet(*stack, arch::thread_pointer(), [&]() -> RawGreenlet& {
      result = flavour.outer({reads ? Work::reads : Work::computes, fds[0], &stop, &begun});
      return caller;
    });
    RawGreenlet::switch_to(caller, greenlet);
    return result;
  });
  if (reads) await_sleep(worker.tid());
  while (!reads && !begun) std::this_thread::yield();
  const std::vector<Frame> frames = backtrace_of(worker.tid());
  stop = true;
  CHECK(write(fds[1], "x", 1) == 1);
  worker.join();
  close(fds[0]);
  close(fds[1]);
  INFO(text_of(frames));
  CHECK(in_order(frames, {reads ? "read_byte" : "compute", "middle", flavour.name, "boost::context"}));
  CHECK_FALSE(in_order(frames, {"switch_to"}));
  CHECK(worker.result >= 0);
}
