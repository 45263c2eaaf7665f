// gevent.exceptions.LoopExit: a program that would block forever is told so.
#include "evergreen/loop_exit.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "evergreen/hub.h"
#include "evergreen/io.h"
#include "evergreen/offload.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// Catch2 has handlers of its own for some signals: with these nothing is a deadlock.
class WithoutHandlers : public LibraryFixture {
 public:
  WithoutHandlers() {
    for (int signal = 1; signal < NSIG; ++signal) {
      struct sigaction plain {};
      plain.sa_handler = SIG_DFL;
      if (sigaction(signal, nullptr, &before_[signal]) != 0 || is_plain(before_[signal])) continue;
      sigaction(signal, &plain, nullptr);
    }
  }
  ~WithoutHandlers() {
    for (int signal = 1; signal < NSIG; ++signal) {
      if (!is_plain(before_[signal])) sigaction(signal, &before_[signal], nullptr);
    }
  }

 private:
  static bool is_plain(const struct sigaction& action) {
    return action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN;
  }
  struct sigaction before_[NSIG]{};
};

template <class Wait>
std::string exit_of(Wait wait) {
  try {
    wait();
    return "none";
  } catch (const LoopExit& exit) {
    return exit.what();
  }
}

// Waits for `event` for longer than a deadlock takes to be found.
bool survives(Event& event) { return event.wait(); }

}  // namespace

TEST_CASE_METHOD(WithoutHandlers, "the main greenlet is told that it would block forever", "[loop_exit]") {
  Event never;
  CHECK(exit_of([&] { never.wait(); }) ==
        "would block forever: all greenlets wait, and nothing can wake one\n  main: Event::wait");
  CHECK_FALSE(never.wait(1ms));  // and it is told once
}

TEST_CASE_METHOD(WithoutHandlers, "all who wait are named, and are still alive then", "[loop_exit]") {
  Event never;
  const auto stuck = spawn([&] { never.wait(); });
  stuck.set_name("worker");
  CHECK(exit_of([&] { stuck.join(); }) ==
        "would block forever: all greenlets wait, and nothing can wake one\n  main: join\n  worker: Event::wait");
  CHECK_FALSE(stuck.dead());
  CHECK(exit_of([&] { stuck.get(); }) != "none");  // again
  never.set();
  stuck.get();
}

TEST_CASE_METHOD(WithoutHandlers, "join returns when nobody can go on", "[loop_exit]") {
  Event never;
  const auto stuck = spawn([&] { never.wait(); });
  const bool joined = get_hub().join();
  CHECK(joined);
  CHECK_FALSE(stuck.dead());
  stuck.kill();
}

TEST_CASE_METHOD(WithoutHandlers, "a deadline of any greenlet is no deadlock", "[loop_exit]") {
  Event event;
  spawn_later(70ms, [&] { event.set(); });
  CHECK(survives(event));
  spawn([&] {
    sleep(70ms);
    event.set();
  });
  event.clear();
  CHECK(survives(event));
}

TEST_CASE_METHOD(WithoutHandlers, "a Timeout of the main greenlet is no deadlock", "[loop_exit]") {
  Event never;
  Timeout timeout(70ms);
  CHECK_THROWS_AS(never.wait(), Timeout);
}

TEST_CASE_METHOD(WithoutHandlers, "a kernel thread may wake us, however long it takes", "[loop_exit]") {
  Event event;
  std::thread setter([&] {
    std::this_thread::sleep_for(100ms);
    event.set();
  });
  const bool set = survives(event);
  setter.join();
  CHECK(set);
}

TEST_CASE_METHOD(WithoutHandlers, "a kernel thread that ends without waking us leaves a deadlock", "[loop_exit]") {
  Event never;
  std::thread other([] { std::this_thread::sleep_for(50ms); });
  CHECK(exit_of([&] { never.wait(); }) != "none");
  other.join();
}

TEST_CASE_METHOD(WithoutHandlers, "an offloaded call may wake us; when it is done it cannot", "[loop_exit]") {
  Event event;
  const auto caller = spawn([&] {
    offload([] { std::this_thread::sleep_for(70ms); });
    event.set();
  });
  CHECK(survives(event));
  event.clear();
  CHECK(exit_of([&] { event.wait(); }) != "none");  // the pool's thread is idle, and still there
}

TEST_CASE_METHOD(WithoutHandlers, "who waits for a descriptor may be woken", "[loop_exit]") {
  Event event;
  const Descriptor waits_for(eventfd(0, EFD_CLOEXEC));
  const int fd = waits_for.get();
  const pid_t child = fork();  // no thread of ours
  if (child == 0) {
    usleep(80'000);
    eventfd_write(fd, 1);
    _exit(0);
  }
  spawn([&] {
    wait_readable(fd);
    event.set();
  });
  CHECK(survives(event));
  CHECK(waitpid(child, nullptr, 0) == child);
}

TEST_CASE_METHOD(WithoutHandlers, "a handler of signals that the program has installed may wake us", "[loop_exit]") {
  struct sigaction action {};
  static std::atomic<bool> came = false;
  action.sa_handler = [](int) { came = true; };
  sigaction(SIGUSR1, &action, nullptr);
  Event event;
  CHECK_FALSE(event.wait(70ms));
  std::thread late([&] {
    std::this_thread::sleep_for(60ms);
    event.set();
  });
  CHECK(survives(event));
  late.join();
  signal(SIGUSR1, SIG_DFL);
  CHECK(exit_of([&] { event.clear(), event.wait(); }) != "none");
}
