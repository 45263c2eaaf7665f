#pragma once

#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/outcome.h"
#include "evergreen/detail/wait_list.h"
#include "evergreen/greenlet.h"
#include "evergreen/timeout.h"

namespace evergreen {
namespace detail {

// What the handles of one AsyncResult share. Ready: it has an outcome, which never changes again.
template <class T>
class AsyncState final : public Waitable {
 public:
  // Whether `fresh` is the first. It is made before, and destroyed after, the scope of the Guard: by code of users.
  bool set(std::unique_ptr<Outcome<T>> fresh) {
    const WaitList::Guard guard(waiters_);
    if (outcome_ != nullptr) return false;
    outcome_.swap(fresh);
    waiters_.wake_all();
    return true;
  }

  bool wait(const char* why, Deadline deadline) {
    WaitList::Guard guard(waiters_);
    return waiters_.wait_until(
        guard, [this] { return outcome_ != nullptr; }, why, deadline);
  }

  // nullptr while it is not ready.
  [[nodiscard]] Outcome<T>* outcome() const {
    const WaitList::Guard guard(waiters_);
    return outcome_.get();
  }

 private:
  [[nodiscard]] bool is_ready() const noexcept override { return outcome_ != nullptr; }

  std::unique_ptr<Outcome<T>> outcome_;
};

}  // namespace detail

// A result, or an exception, that somebody will set, once, and others wait for: the bridge from callbacks to greenlets.
//
//     AsyncResult<Reply> reply;
//     client.send(request, [reply](Reply r) { reply.set(std::move(r)); });   // called in some thread of the client's
//     use(reply.get());                                                      // parks this greenlet until then
//
// Copies are handles of the same result, which lives as long as one of them does.
//
// Threads: all members from any greenlet of any hub and any kernel thread; what waits blocks a plain kernel thread. Not
// from signal handlers. Fork: the child must not use one that greenlets of its parent wait for.
// Follows gevent.event.AsyncResult.
template <class T>
class AsyncResult {
 public:
  AsyncResult() : state_(std::make_shared<detail::AsyncState<T>>()) {}
  AsyncResult(const AsyncResult&) noexcept = default;  // moves copy, too: there is no handle of nothing
  AsyncResult& operator=(const AsyncResult&) noexcept = default;

  friend bool operator==(const AsyncResult&, const AsyncResult&) noexcept = default;

  // Sets the result, and wakes all who wait, the oldest first. Only the first result or exception counts: returns
  // whether this is it. Throws what T's constructor throws, and nothing is set then.
  template <class Value = T>
  requires(!std::is_void_v<T> && std::is_constructible_v<T, Value>) bool set(Value&& value) const {
    return set_by([&]() -> T { return static_cast<T>(std::forward<Value>(value)); });
  }
  bool set() const requires std::is_void_v<T> {
    return set_by([] {});
  }

  // The same with an exception, or a std::exception_ptr, which get() then throws.
  template <class Exception>
  bool set_exception(Exception&& exception) const {
    auto outcome = std::make_unique<detail::Outcome<T>>();
    if constexpr (std::is_same_v<std::remove_cvref_t<Exception>, std::exception_ptr>) {
      outcome->set_exception(std::forward<Exception>(exception));
    } else {
      outcome->set_exception(std::make_exception_ptr(std::forward<Exception>(exception)));
    }
    return state_->set(std::move(outcome));
  }

  // Waits for the result, and returns it, or throws the exception. Throws Timeout when `deadline` has passed first;
  // what ends the running greenlet (GreenletExit, Timeout). Each call returns a copy; a result that can only be moved
  // is the first caller's, and further ones throw std::logic_error.
  T get(Deadline deadline = Deadline::never()) const {
    if (!state_->wait("AsyncResult::get", deadline)) throw Timeout("get: timed out");
    return state_->outcome()->get();
  }

  // The same without waiting: throws Timeout if it is not ready.
  T get_nowait() const { return get(Deadline::now()); }

  // Waits until it is ready, or `deadline` has passed; returns whether it is. Throws what ends the running greenlet,
  // but not the exception that was set. (gevent's returns the value: see value().)
  bool wait(Deadline deadline = Deadline::never()) const { return state_->wait("AsyncResult::wait", deadline); }

  // It has a result or an exception.
  [[nodiscard]] bool ready() const { return state_->ready(); }

  // It has a result.
  [[nodiscard]] bool successful() const { return ready() && exception() == nullptr; }

  // The exception that was set; nullptr: none yet, or a result.
  [[nodiscard]] std::exception_ptr exception() const {
    const auto* outcome = state_->outcome();
    return outcome != nullptr ? outcome->exception() : nullptr;
  }

  // The result, in place: as long as a handle lives. nullptr: none yet, or an exception.
  [[nodiscard]] auto value() const noexcept requires(!std::is_void_v<T>) {
    const auto* outcome = state_->outcome();
    return outcome != nullptr ? outcome->value() : nullptr;
  }

  // As the target of a link takes over what the dead greenlet's get() gives: its result, or its exception (GreenletExit
  // if it was killed). std::logic_error where its result is no T.
  //
  //     spawn(fetch, url).link(result);
  void operator()(const AnyGreenlet& source) const {
    auto* const state = dynamic_cast<detail::ResultState<T>*>(source.state().get());
    if (state == nullptr) {
      set_exception(std::logic_error("the greenlet that is linked to this AsyncResult has a result of another type"));
      return;
    }
    try {
      set_by([&]() -> T { return state->get(); });
    } catch (...) {
      set_exception(std::current_exception());
    }
  }

  // For wait().
  [[nodiscard]] const std::shared_ptr<detail::AsyncState<T>>& state() const noexcept { return state_; }

 private:
  template <class Make>
  bool set_by(Make&& make) const {
    auto outcome = std::make_unique<detail::Outcome<T>>();
    outcome->set_by(std::forward<Make>(make));
    return state_->set(std::move(outcome));
  }

  std::shared_ptr<detail::AsyncState<T>> state_;
};

}  // namespace evergreen
