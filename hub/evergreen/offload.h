// Calls that block a kernel thread, from greenlets.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/timeout.h"
#include "hub/core/can_migrate.h"
#include "hub/core/slow_call.h"
#include "hub/core/thread_pool.h"

namespace evergreen {
namespace core {

// A call with its result or exception.
template <class F>
class OffloadJob final : public Job {
 public:
  using Result = std::invoke_result_t<F>;

  explicit OffloadJob(F&& f) : f_(std::move(f)) {}

  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<Result>) {
        std::invoke(std::move(f_));
      } else if constexpr (std::is_reference_v<Result>) {
        Result result = std::invoke(std::move(f_));
        result_ = std::addressof(result);
      } else {
        result_.emplace(std::invoke(std::move(f_)));
      }
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  Result take() {
    if (error_ != nullptr) std::rethrow_exception(std::move(error_));
    if constexpr (std::is_reference_v<Result>) {
      return static_cast<Result>(*result_);
    } else if constexpr (!std::is_void_v<Result>) {
      return std::move(*result_);
    }
  }

 private:
  struct Nothing {};
  template <class T>
  struct Held {
    using Type = std::optional<std::remove_cv_t<T>>;
  };
  template <class T>
  struct Held<T&> {
    using Type = T*;
  };
  template <class T>
  struct Held<T&&> {
    using Type = T*;
  };

  F f_;
  typename Held<std::conditional_t<std::is_void_v<Result>, Nothing, Result>>::Type result_{};
  std::exception_ptr error_;
};

template <class F>
std::invoke_result_t<F> offload_to(ThreadPool& pool, F f, Deadline deadline) {
  if (deadline.has_passed()) throw Timeout("offload: timed out");
  std::unique_ptr<Job> job = std::make_unique<OffloadJob<F>>(std::move(f));
  auto& mine = static_cast<OffloadJob<F>&>(*job);
  switch (pool.run(job, "offload", deadline)) {
    case Wake::woken:
    case Wake::signalled:  // these two run() does not hear
    case Wake::ended:
      break;
    case Wake::timed_out:
      throw Timeout("offload: timed out");
    case Wake::interrupted:
      throw GreenletExit();
  }
  return mine.take();
}

}  // namespace core

// Runs f() on a kernel thread that may block, and parks this greenlet meanwhile: the others go on. Returns what f()
// returns (void, references and move-only types too), or throws what it throws.
//
//     auto rows = offload([&] { return PQexec(connection, sql); });
//
// When `deadline` has passed first it throws Timeout; when this greenlet is ended, GreenletExit. A call that has not
// begun by then is never made. One that has begun goes on to its end, and then f and its result are destroyed on the
// thread that made it: so with a deadline, or in greenlets that may be ended, f must own what it uses.
//
// f runs on another kernel thread, so thread-local variables are that one's. It must not end its thread. Of a pool of
// EVERGREEN_OFFLOAD_THREADS, so up to that many calls at once; the others wait their turn, in order. Without a deadline
// f runs in place where that is as good: in a preloaded program's threads, whose hub goes on without them, and in f of
// another offload(), which would else wait for threads that wait for it.
//
// Threads: any greenlet; any kernel thread, which then just waits. Fork: the child can offload.
// Follows gevent.threadpool.
template <class F>
std::invoke_result_t<F> offload(F f, Deadline deadline = Deadline::never()) {
  if (deadline.is_never() && (core::ThreadPool::on_pool_thread() || core::can_migrate())) {
    const core::SlowCall slow;
    return std::invoke(std::move(f));
  }
  return core::offload_to(core::ThreadPool::common(), std::move(f), deadline);
}

}  // namespace evergreen
