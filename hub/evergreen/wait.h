#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_any.h"
#include "evergreen/detail/wait_list.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"

namespace evergreen {

// Anything that wait() can wait for: a greenlet or an AsyncResult (which it keeps alive), or a reference to an Event, a
// Semaphore, a Lock or a queue.
//
//     auto ready = wait({request, shutdown, jobs}, 5s, 1);
//     if (!ready.empty() && ready.front() == shutdown) return;
//
// Threads: a value.
class AnyWaitable {
 public:
  // A handle, as Greenlet<T>: what has state().
  template <class Handle>
  requires requires(const Handle& handle) {
    { handle.state() } -> std::convertible_to<std::shared_ptr<const detail::Waitable>>;
  }
  AnyWaitable(const Handle& handle) : object_(handle.state()) {}  // NOLINT(*-explicit-*)

  // An object that must outlive the wait.
  AnyWaitable(const detail::Waitable& object) noexcept  // NOLINT(*-explicit-*)
      : object_(std::shared_ptr<void>(), &object) {}
  AnyWaitable(const detail::Waitable&& object) = delete;
  template <std::derived_from<detail::Waitable> Object>
  AnyWaitable(std::reference_wrapper<Object> object) noexcept  // NOLINT(*-explicit-*)
      : AnyWaitable(static_cast<const detail::Waitable&>(object.get())) {}

  // Whether waiting for it would return at once.
  [[nodiscard]] bool ready() const { return object_->ready(); }

  // Whether both are the same object.
  friend bool operator==(const AnyWaitable& a, const AnyWaitable& b) noexcept { return a.object_ == b.object_; }

  // For wait().
  [[nodiscard]] const std::shared_ptr<const detail::Waitable>& object() const noexcept { return object_; }

 private:
  std::shared_ptr<const detail::Waitable> object_;
};

// A range over what wait() can wait for.
template <class Range>
concept Waitables =
    std::ranges::input_range<Range> && std::convertible_to<std::ranges::range_reference_t<Range>, AnyWaitable>;

// A range of greenlets.
template <class Range>
concept Greenlets = std::ranges::input_range<Range> && std::convertible_to < std::ranges::range_reference_t<Range>,
const AnyGreenlet& > ;

// How wait() gives the objects of a range back: handles as copies, what can't be copied as std::reference_wrapper.
template <Waitables Range>
using Waited =
    std::conditional_t<std::copy_constructible<std::ranges::range_value_t<Range>>, std::ranges::range_value_t<Range>,
                       std::reference_wrapper<std::remove_reference_t<std::ranges::range_reference_t<Range>>>>;

// For the count of wait(): all of them.
inline constexpr std::size_t all_of_them = std::numeric_limits<std::size_t>::max();

// What iwait() returns: an input range of those that are ready, each as soon as it is. Ends when all (or `count`) have
// been given, or the deadline has passed. Incrementing waits, and throws what ends the running greenlet.
//
// Threads: one greenlet at a time.
template <class Object>
class WaitRange {
 public:
  class Iterator {
   public:
    using value_type = Object;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(WaitRange* range) noexcept : range_(range) {}
    Object& operator*() const noexcept { return range_->objects_[*range_->at_]; }
    Object* operator->() const noexcept { return &**this; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t /*end*/) const noexcept { return !range_->at_.has_value(); }

   private:
    WaitRange* range_;
  };

  // iwait()'s.
  template <class Range>
  WaitRange(Range&& objects, Deadline deadline, std::size_t count) : deadline_(deadline), count_(count) {
    std::vector<std::shared_ptr<const detail::Waitable>> waitables;
    for (auto&& object : objects) {
      waitables.push_back(AnyWaitable(object).object());
      objects_.emplace_back(object);
    }
    count_ = std::min(count_, objects_.size());
    wait_ = std::make_unique<detail::WaitAny>(std::move(waitables));
  }

  // Waits for the first one.
  Iterator begin() {
    advance();
    return Iterator(this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance() {
    at_.reset();
    if (count_ == 0) return;
    --count_;
    at_ = wait_->next(deadline_);
    if (!at_.has_value()) count_ = 0;
  }

  std::vector<Object> objects_;
  std::unique_ptr<detail::WaitAny> wait_;
  const Deadline deadline_;
  std::size_t count_;              // how many are still to come
  std::optional<std::size_t> at_;  // the one that is given now; nullopt: the end
};

// Gives the objects as they become ready, those that are so already first: until all of them, or `count`, have been, or
// `deadline` has passed.
//
//     for (auto& greenlet : iwait(greenlets, 5s)) show(greenlet.get());
//
// Nothing is taken from them, and one that was ready may be so no more when it is given: somebody else has acquired the
// semaphore. One that stands in the range twice is given twice. The objects (not handles) must outlive the range.
// Throws std::bad_alloc. Any greenlet, any kernel thread. gevent.iwait.
template <Waitables Range>
auto iwait(Range&& objects, Deadline deadline = Deadline::never(), std::size_t count = all_of_them) {
  return WaitRange<Waited<Range>>(objects, deadline, count);
}
inline auto iwait(std::initializer_list<AnyWaitable> objects, Deadline deadline = Deadline::never(),
                  std::size_t count = all_of_them) {
  return WaitRange<AnyWaitable>(objects, deadline, count);
}

// Waits until all of the objects, or `count` of them, are ready, or `deadline` has passed; returns those that are, in
// the order in which they became so. Of several requests the first result wins, and the others are cancelled:
//
//     auto done = wait(requests, 5s, 1);
//     killall(requests);
//     return done.at(0).get();
//
// Otherwise as iwait(). Throws what ends the running greenlet. gevent.wait; for its wait() of nothing see Hub::join().
template <Waitables Range>
auto wait(Range&& objects, Deadline deadline = Deadline::never(), std::size_t count = all_of_them) {
  std::vector<Waited<Range>> ready;
  for (auto& object : iwait(objects, deadline, count)) ready.push_back(object);
  return ready;
}
inline auto wait(std::initializer_list<AnyWaitable> objects, Deadline deadline = Deadline::never(),
                 std::size_t count = all_of_them) {
  return wait(std::span(objects.begin(), objects.end()), deadline, count);
}

// wait() for greenlets. With `raise_error` it throws the first error that ends one of them (GreenletExit is none), as
// soon as it does. gevent.joinall.
template <Greenlets Range>
auto joinall(Range&& greenlets, Deadline deadline = Deadline::never(), bool raise_error = false,
             std::size_t count = all_of_them) {
  std::vector<Waited<Range>> dead;
  for (auto& greenlet : iwait(greenlets, deadline, count)) {
    const std::exception_ptr error = raise_error ? greenlet.exception() : nullptr;
    if (error != nullptr) std::rethrow_exception(error);
    dead.push_back(greenlet);
  }
  return dead;
}
inline auto joinall(std::initializer_list<AnyGreenlet> greenlets, Deadline deadline = Deadline::never(),
                    bool raise_error = false, std::size_t count = all_of_them) {
  return joinall(std::span(greenlets.begin(), greenlets.end()), deadline, raise_error, count);
}

namespace detail {

bool kill_all(const std::vector<AnyGreenlet>& greenlets, const std::exception_ptr& exception, Deadline deadline);

template <class Range, class Exception>
bool kill_all_by(Range&& greenlets, Exception&& exception, Deadline deadline) {
  const std::vector<AnyGreenlet> handles(std::ranges::begin(greenlets), std::ranges::end(greenlets));
  if constexpr (std::is_same_v<std::remove_cvref_t<Exception>, std::exception_ptr>) {
    return kill_all(handles, exception, deadline);
  } else {
    return kill_all(handles, std::make_exception_ptr(std::forward<Exception>(exception)), deadline);
  }
}

}  // namespace detail

// Kills all of the greenlets, as AnyGreenlet::kill() does: tells all of them, and then waits until all are dead, or
// `deadline` has passed (with Deadline::now() not at all; gevent: block=False). Returns whether they are. Those that
// have not started never run. If the running greenlet is among them, it is told last, and throws right here.
// gevent.killall.
template <Greenlets Range>
bool killall(Range&& greenlets, Deadline deadline = Deadline::never()) {
  return detail::kill_all_by(greenlets, GreenletExit(), deadline);
}
template <Greenlets Range, class Exception>
requires(!std::convertible_to<Exception, Deadline>) bool killall(Range&& greenlets, Exception&& exception,
                                                                 Deadline deadline = Deadline::never()) {
  return detail::kill_all_by(greenlets, std::forward<Exception>(exception), deadline);
}
inline bool killall(std::initializer_list<AnyGreenlet> greenlets, Deadline deadline = Deadline::never()) {
  return detail::kill_all_by(greenlets, GreenletExit(), deadline);
}

}  // namespace evergreen
