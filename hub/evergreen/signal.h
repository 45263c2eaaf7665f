#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace evergreen {

// A handle of what signal() has begun. Copies are handles of the same; when the last one is gone it goes on.
class SignalWatcher {
 public:
  SignalWatcher() noexcept = default;  // of none

  // The function is not called any more: not for a signal that has come already, either. With the last watcher of a
  // signal the action that it had before comes back. Does nothing if it was called before.
  void cancel() const;

 private:
  friend SignalWatcher watch_signal(int number, std::function<void()> f);
  SignalWatcher(int number, std::uint64_t id) noexcept : number_(number), id_(id) {}

  int number_ = 0;
  std::uint64_t id_ = 0;
};

// signal() without arguments for f.
SignalWatcher watch_signal(int number, std::function<void()> f);

// Calls f(arguments...) in a new greenlet whenever the process gets the signal: there it may do what any greenlet may,
// and errors of it are those of a greenlet. Several that come at about the same time are one. Other functions for the
// same signal are called too.
//
//     StreamServer server(...);
//     signal(SIGTERM, [&] { server.stop(5s); });
//     server.serve_forever();
//
// Who waits for signals only is not stuck (LoopExit), but nothing is left to do either (Hub::join).
// Threads: any greenlet, any kernel thread. Throws std::system_error for a number that is none, or SIGKILL or SIGSTOP.
// Fork: the child has the actions from before.
// Follows gevent.signal_handler.
template <class F, class... Arguments>
SignalWatcher signal(int number, F f, Arguments... arguments) {
  return watch_signal(number, std::bind(std::move(f), std::move(arguments)...));
}

}  // namespace evergreen
