#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"

namespace evergreen::core {
class HubGreenlet;
[[noreturn]] void throw_end(HubGreenlet& self);
}  // namespace evergreen::core

namespace evergreen {

// A limit on the time that a scope may take, and the exception that ends it. gevent.Timeout.
//
//     try {
//       Timeout timeout(2s);
//       auto rows = connection.query(sql);       // whatever waits in here
//       auto answer = render(rows).get();
//     } catch (const Timeout& passed) {
//       ...
//     }
//
// While a Timeout is active, every wait of its greenlet ends when it has passed, by a copy of the Timeout as an
// exception; a greenlet that does not wait is not interrupted. Scopes nest: the one that passes first is thrown, and
// is() tells which it was. Waits in unmodified C libraries (the patch) fail as if interrupted, and the exception is
// thrown when control is back in C++: by the next wait, or at the end of the Timeout's scope.
//
// Like GreenletExit no std::exception, so that handlers of errors within the scope do not take it for one.
//
// Threads: an active one belongs to the greenlet, or plain kernel thread, that made it. A copy is a value, not active.
class Timeout {
 public:
  // Becomes active, until the scope's end or cancel(). Throws std::logic_error where no greenlet runs: in hub code.
  explicit Timeout(Deadline deadline);

  // The same, but it ends the scope by throwing `exception` instead of itself.
  template <class Exception>
  requires(!std::is_same_v<std::remove_cvref_t<Exception>, std::exception_ptr>)
      Timeout(Deadline deadline, Exception&& exception)
      : Timeout(deadline, std::make_exception_ptr(std::forward<Exception>(exception))) {}
  Timeout(Deadline deadline, std::exception_ptr exception);

  // Not active: what a call throws whose own deadline has passed. `what` is a literal: it is kept by address.
  explicit Timeout(const char* what) noexcept : what_(what) {}

  // A copy is not active, but is() the same.
  Timeout(const Timeout& other) noexcept;
  Timeout& operator=(const Timeout&) = delete;

  // If it has passed, and a C library's call has failed for it, then this throws it, unless another exception is on its
  // way.
  ~Timeout() noexcept(false);

  // Ends it: it will not be thrown any more. Does nothing if it is not active. gevent: close().
  void cancel() noexcept;

  // Whether it is active and has not been thrown yet.
  [[nodiscard]] bool pending() const noexcept { return owner_ != nullptr; }

  // Whether one is a copy of the other.
  [[nodiscard]] bool is(const Timeout& other) const noexcept { return id_ == other.id_ && id_ != 0; }

  // "timed out", or which call was: "get: timed out".
  [[nodiscard]] const char* what() const noexcept { return what_; }

  // When it passes; never() if it was never active.
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }

 private:
  friend void core::throw_end(core::HubGreenlet& self);
  [[noreturn]] void fire();
  void leave() noexcept;

  const char* what_ = "timed out";
  Deadline deadline_ = Deadline::never();
  std::uint64_t id_ = 0;
  std::exception_ptr instead_;
  core::HubGreenlet* owner_ = nullptr;  // whose list it is on; nullptr: not active
  Timeout* outer_ = nullptr;
};

// Calls f(); where that takes until `deadline`, ends it, and returns `fallback` instead. Timeouts of other scopes pass
// through. gevent.with_timeout(seconds, function, timeout_value=...).
//
//     auto page = with_timeout(2s, [&] { return fetch(url); }, std::string("too slow"));
template <class F, class Fallback>
std::invoke_result_t<F> with_timeout(Deadline deadline, F&& f, Fallback&& fallback) {
  Timeout timeout(deadline);
  try {
    std::invoke_result_t<F> result = std::invoke(std::forward<F>(f));
    timeout.cancel();
    return result;
  } catch (const Timeout& passed) {
    if (!passed.is(timeout)) throw;
    return std::forward<Fallback>(fallback);
  }
}

// The same without a fallback: throws Timeout.
template <class F>
std::invoke_result_t<F> with_timeout(Deadline deadline, F&& f) {
  const Timeout timeout(deadline);
  return std::invoke(std::forward<F>(f));
}

}  // namespace evergreen
