// Timeouts and kill(): whatever waits within their reach ends by an exception, and destructors run.
#include <evergreen/evergreen.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct Connection {  // stands for what has to be given back
  Connection() { std::puts("connected"); }
  ~Connection() { std::puts("disconnected"); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
};

// Waits in the middle of something, as any call to a server does.
std::string fetch(std::chrono::milliseconds takes) {
  const Connection connection;
  evergreen::sleep(takes);
  return "a page";
}

}  // namespace

int main() {
  // A call with a time limit, and what to do without its result.
  const auto in_time = [] { return fetch(1ms); };
  const auto too_late = [] { return fetch(1h); };
  std::puts(evergreen::with_timeout(10s, in_time, "too slow"s).c_str());
  std::puts(evergreen::with_timeout(20ms, too_late, "too slow"s).c_str());

  // A scope with a time limit. Scopes nest: the one that passes first is thrown.
  try {
    const evergreen::Timeout all(20ms);
    const evergreen::Timeout each(1h);
    fetch(1h);
  } catch (const evergreen::Timeout& passed) {
    std::puts(passed.what());
  }

  // kill() throws GreenletExit where the greenlet waits, and comes back when it is dead.
  const auto greenlet = evergreen::spawn(fetch, 1h);
  evergreen::sleep(1ms);
  greenlet.kill();
  std::puts(greenlet.successful() ? "killed, which is no error" : "failed");

  // One that has not started never does.
  evergreen::spawn([] { std::puts("never said"); }).kill();
}
