// gevent.signal_handler: what its documentation promises.
#include "evergreen/signal.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "evergreen/hub.h"
#include "tests/library/fixture.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

// The first use keeps a descriptor.
struct FirstUse {
  FirstUse() {
    evergreen::signal(SIGUSR1, [] {}).cancel();
    settle();
  }
};

class SignalFixture : public FirstUse, public LibraryFixture {};

struct sigaction action_of(int number) {
  struct sigaction action {};
  sigaction(number, nullptr, &action);
  return action;
}

}  // namespace

TEST_CASE_METHOD(SignalFixture, "a signal calls the function in a greenlet of its own", "[signal]") {
  Event called;
  AnyGreenlet ran_in;
  const auto here = std::this_thread::get_id();
  bool same_thread = false;
  const SignalWatcher watcher = evergreen::signal(
      SIGUSR1,
      [&](int x) {
        sleep(1ms);  // it may wait
        ran_in = getcurrent();
        same_thread = std::this_thread::get_id() == here && x == 5;
        called.set();
      },
      5);
  raise(SIGUSR1);
  CHECK_FALSE(called.is_set());
  called.wait();
  CHECK(same_thread);
  CHECK_FALSE(ran_in == getcurrent());
  watcher.cancel();
}

TEST_CASE_METHOD(SignalFixture, "each signal calls it again, on whatever thread it comes", "[signal]") {
  int count = 0;
  const SignalWatcher watcher = evergreen::signal(SIGUSR1, [&] { ++count; });
  for (int i = 1; i <= 5; ++i) {
    i % 2 == 0 ? static_cast<void>(raise(SIGUSR1)) : std::thread([] { raise(SIGUSR1); }).join();
    while (count < i) sleep(1ms);
  }
  CHECK(count == 5);
  watcher.cancel();
}

TEST_CASE_METHOD(SignalFixture, "several watch one signal, and others are not called", "[signal]") {
  std::string calls;
  const SignalWatcher first = evergreen::signal(SIGUSR1, [&] { calls += '1'; });
  const SignalWatcher second = evergreen::signal(SIGUSR1, [&] { calls += '2'; });
  const SignalWatcher other = evergreen::signal(SIGUSR2, [&] { calls += 'x'; });
  raise(SIGUSR1);
  while (calls.size() < 2) sleep(1ms);
  CHECK(calls == "12");
  first.cancel();
  raise(SIGUSR1);
  while (calls.size() < 3) sleep(1ms);
  CHECK(calls == "122");
  second.cancel();
  other.cancel();
}

TEST_CASE_METHOD(SignalFixture, "cancel gives the former action back, and undoes what has come", "[signal]") {
  ::signal(SIGUSR1, SIG_IGN);
  bool called = false;
  const SignalWatcher watcher = evergreen::signal(SIGUSR1, [&] { called = true; });
  CHECK(action_of(SIGUSR1).sa_handler != SIG_IGN);
  raise(SIGUSR1);
  watcher.cancel();
  watcher.cancel();
  CHECK(action_of(SIGUSR1).sa_handler == SIG_IGN);
  settle();
  CHECK_FALSE(called);
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE_METHOD(SignalFixture, "a watcher goes on when its handle is gone, and dies with what it holds", "[signal]") {
  const auto token = std::make_shared<int>(0);
  Event called;
  SignalWatcher watcher;
  {
    const SignalWatcher copy = evergreen::signal(SIGUSR1, [token, &called] { called.set(); });
    watcher = copy;
  }
  CHECK(token.use_count() == 2);
  raise(SIGUSR1);
  called.wait();
  watcher.cancel();
  settle();
  CHECK(token.use_count() == 1);
}

TEST_CASE_METHOD(SignalFixture, "join does not wait for signals", "[signal]") {
  const SignalWatcher watcher = evergreen::signal(SIGUSR1, [] {});
  CHECK(get_hub().join());
  watcher.cancel();
}

TEST_CASE_METHOD(SignalFixture, "who waits for a signal only is not stuck", "[signal]") {
  Event called;
  const SignalWatcher watcher = evergreen::signal(SIGUSR1, [&] { called.set(); });
  const pid_t child = fork();
  if (child == 0) {
    usleep(80'000);
    ::kill(getppid(), SIGUSR1);
    _exit(0);
  }
  called.wait();
  CHECK(waitpid(child, nullptr, 0) == child);
  watcher.cancel();
}

TEST_CASE_METHOD(SignalFixture, "a forked child has the former actions", "[signal]") {
  const SignalWatcher watcher = evergreen::signal(SIGUSR1, [] {});
  const pid_t child = fork();
  if (child == 0) {
    raise(SIGUSR1);
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  watcher.cancel();
}

TEST_CASE_METHOD(SignalFixture, "what is no signal, or cannot be watched, is an error", "[signal]") {
  CHECK_THROWS_AS(evergreen::signal(0, [] {}), std::system_error);
  CHECK_THROWS_AS(evergreen::signal(NSIG, [] {}), std::system_error);
  CHECK_THROWS_AS(evergreen::signal(SIGKILL, [] {}), std::system_error);
}
