// A library of callbacks and futures, with an event loop of its own, beside greenlets: Boost.Asio. Its loop has a
// kernel thread; AsyncResult brings what its callbacks get to the greenlets that wait, and spawn_from_thread() makes
// greenlets of its events, so that their handlers may wait, too.
#include <evergreen/evergreen.h>

#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>

using namespace std::chrono_literals;
namespace asio = boost::asio;
using evergreen::AsyncResult, evergreen::Event;

namespace {

using Timer = asio::steady_timer;

// Calls that answer later, as such libraries have them: by a callback, or by a future.
void fetch_then(asio::io_context& loop, std::string name, auto callback) {
  auto timer = std::make_shared<Timer>(loop, 5ms);
  timer->async_wait([timer, name = std::move(name), callback](auto) { callback("an answer to " + name); });
}

std::future<std::string> fetch_later(asio::io_context& loop, std::string name) {
  auto promise = std::make_shared<std::promise<std::string>>();
  fetch_then(loop, std::move(name), [promise](std::string text) { promise->set_value(std::move(text)); });
  return promise->get_future();
}

// The same as calls that wait: a callback sets what a greenlet waits for; who blocks in a future does so elsewhere.
std::string fetch(asio::io_context& loop, std::string name) {
  AsyncResult<std::string> result;
  fetch_then(loop, std::move(name), [result](std::string text) { result.set(std::move(text)); });
  return result.get();
}

std::string wait_for(std::future<std::string> future) {
  return evergreen::offload([future = std::move(future)]() mutable { return future.get(); });
}

}  // namespace

int main() {
  evergreen::Hub& hub = evergreen::get_hub();
  asio::io_context loop;
  auto work = asio::make_work_guard(loop);
  std::jthread runner([&] { loop.run(); });

  // Greenlets wait for callbacks: both at once.
  const auto first = evergreen::spawn([&] { return fetch(loop, "a callback"); });
  const auto second = evergreen::spawn([&] { return wait_for(fetch_later(loop, "a future")); });
  std::puts(first.get().c_str());
  std::puts(second.get().c_str());

  // An event of the library's loop becomes a greenlet, which may wait for the next answer.
  Event handled;
  Timer event(loop, 5ms);
  event.async_wait([&](auto) {
    hub.spawn_from_thread([&] {
      std::puts(fetch(loop, "an event").c_str());
      handled.set();
    });
  });
  handled.wait();
  work.reset();
}
