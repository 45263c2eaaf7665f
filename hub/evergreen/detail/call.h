// A call that another kernel thread makes. Not for users.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/outcome.h"

namespace evergreen::core {
class ThreadPool;
}

namespace evergreen::detail {

class Call {
 public:
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;

  virtual void run() noexcept = 0;  // once
};

// Keeps what f() returns or throws.
template <class F>
class CallOf final : public Call {
 public:
  using Result = std::invoke_result_t<F>;

  explicit CallOf(F&& f) : f_(std::move(f)) {}

  void run() noexcept override {
    try {
      outcome_.set_by(std::move(f_));
    } catch (...) {
      outcome_.set_exception(std::current_exception());
    }
  }
  Result take() { return outcome_.take(); }

 private:
  F f_;
  Outcome<Result> outcome_;
};

// The pool of offload().
core::ThreadPool& common_pool();

// Has the pool make the call, and waits for its end: then it is still there. Throws Timeout when `deadline` has passed
// first, and what ends the running greenlet; a call that has begun is the pool's then, one that has not is never made.
void call_on(core::ThreadPool& pool, std::unique_ptr<Call>& call, Deadline deadline);

// For as long as the pool lives its own: calls it, and destroys it. Never waits. Throws std::system_error where no
// thread can be made for it.
void begin_on(core::ThreadPool& pool, std::unique_ptr<Call> call);

template <class F>
std::invoke_result_t<F> offload_to(core::ThreadPool& pool, F f, Deadline deadline) {
  std::unique_ptr<Call> call = std::make_unique<CallOf<F>>(std::move(f));
  auto& mine = static_cast<CallOf<F>&>(*call);
  call_on(pool, call, deadline);
  return mine.take();
}

// Scope of a call that may block, made on this kernel thread because nobody is held up by it: if is_good().
class BlockingInPlace {
 public:
  explicit BlockingInPlace(Deadline deadline) noexcept;
  ~BlockingInPlace();
  BlockingInPlace(const BlockingInPlace&) = delete;
  BlockingInPlace& operator=(const BlockingInPlace&) = delete;

  [[nodiscard]] bool is_good() const noexcept { return is_good_; }

 private:
  const bool is_good_;
  alignas(void*) std::byte slow_call_[32];  // a core::SlowCall, if it is good
};

}  // namespace evergreen::detail
