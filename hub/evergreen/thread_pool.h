#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "evergreen/async_result.h"
#include "evergreen/deadline.h"
#include "evergreen/detail/call.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen {
namespace detail {

template <class T, class F>
class PooledCall final : public Call {
 public:
  PooledCall(AsyncResult<T> result, F f) : result_(std::move(result)), f_(std::move(f)) {}

  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<T>) {
        std::invoke(std::move(f_));
        result_.set();
      } else {
        result_.set(std::invoke(std::move(f_)));
      }
    } catch (...) {
      result_.set_exception(std::current_exception());
    }
  }

 private:
  AsyncResult<T> result_;
  F f_;
};

class PoolState;

}  // namespace detail

// Kernel threads of one's own for calls that block or compute: at most so many at once. offload() has a pool that all
// share, and parks until its one call is done; this is for several calls, and for keeping others' threads free.
//
//     ThreadPool pool(4);
//     auto thumbnails = pool.map(shrink, photos);                 // four at a time
//     AsyncResult<Index> index = pool.spawn(build_index, files);  // meanwhile
//     use(index.get());
//
// Threads are made when they are needed, and end when they have had nothing to do for some seconds. What runs on them
// is no greenlet: it may use all objects of the library, but kill() and Timeouts do not end it.
//
// Threads: all members from any greenlet and any kernel thread; not the destructor while somebody else uses it.
// Fork: not to be used in the child.
// Follows gevent.threadpool.ThreadPool.
class ThreadPool {
 public:
  // Of `maxsize` threads at most.
  explicit ThreadPool(std::size_t maxsize = 10);

  // Waits for what has been spawned.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Has f(arguments...), of which it keeps copies, called on a thread of the pool, and returns at once; while maxsize()
  // calls are under way it waits for one to end. Throws what ends the running greenlet, and std::system_error where no
  // thread can be made.
  template <class F, class... Arguments>
  auto spawn(F&& f, Arguments&&... arguments) {
    using Result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Arguments>...>;
    auto bound = [f = std::decay_t<F>(std::forward<F>(f)),
                  all = std::tuple<std::decay_t<Arguments>...>(std::forward<Arguments>(
                      arguments)...)]() mutable -> Result { return std::apply(std::move(f), std::move(all)); };
    AsyncResult<Result> result;
    begin(std::make_unique<detail::PooledCall<Result, decltype(bound)>>(result, std::move(bound)));
    return result;
  }

  // The same, and waits for the result.
  template <class F, class... Arguments>
  auto apply(F&& f, Arguments&&... arguments) {
    return spawn(std::forward<F>(f), std::forward<Arguments>(arguments)...).get();
  }

  // f of each item, in their order; throws the exception of the first that has one, once all are done.
  template <class F, std::ranges::input_range Items>
  auto map(F f, Items&& items) {
    using Item = std::ranges::range_value_t<Items>;
    using Result = std::invoke_result_t<F&, Item>;
    std::vector<AsyncResult<Result>> pending;
    for (auto&& item : items) pending.push_back(spawn(f, Item(std::forward<decltype(item)>(item))));
    for (const auto& one : pending) one.wait();
    if constexpr (std::is_void_v<Result>) {
      for (const auto& one : pending) one.get();
    } else {
      std::vector<Result> results;
      for (const auto& one : pending) results.push_back(one.get());
      return results;
    }
  }

  // Calls that are under way; at most; whether that many are.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t maxsize() const noexcept;
  [[nodiscard]] bool full() const { return size() >= maxsize(); }

  // Waits until no call is under way, or `deadline` has passed; returns whether none is.
  bool join(Deadline deadline = Deadline::never());

 private:
  void begin(std::unique_ptr<detail::Call> call);

  const std::shared_ptr<detail::PoolState> state_;
};

}  // namespace evergreen
