#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/greenlet_state.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/timeout.h"

namespace evergreen {

template <class T>
class Greenlet;

// A handle of a greenlet, whatever its result. gevent.Greenlet.
//
// Copies are handles of the same greenlet, which runs on when the last one is gone.
//
// Threads: all members from any greenlet of any hub and any kernel thread; what waits blocks a plain kernel thread.
// Fork: the child has the greenlet that forked alone; the others never end there.
class AnyGreenlet {
 public:
  AnyGreenlet() noexcept = default;  // of none: only operator bool and == may be called

  // spawn()'s.
  explicit AnyGreenlet(std::shared_ptr<detail::GreenletState> state) noexcept : state_(std::move(state)) {}

  // Whether it is a handle of a greenlet at all.
  explicit operator bool() const noexcept { return state_ != nullptr; }
  friend bool operator==(const AnyGreenlet&, const AnyGreenlet&) noexcept = default;

  // Waits until the greenlet is dead, or `deadline` has passed; returns whether it is dead. Throws nothing of what the
  // greenlet threw.
  bool join(Deadline deadline = Deadline::never()) const { return state_->join("join", deadline); }

  // Throws `exception` in the greenlet, by default GreenletExit: at the wait that it is in, or at its next one. Waits
  // until it is dead, or `deadline` has passed (with Deadline::now() not at all; gevent: block=False); returns whether
  // it is. A greenlet that has not started never runs, and is dead at once. One that kills itself throws right here.
  //
  // A call in a C library (the patch) that it waits in fails as if interrupted, and the exception is thrown at the next
  // wait in C++.
  bool kill(Deadline deadline = Deadline::never()) const { return kill(GreenletExit(), deadline); }
  template <class Exception>
  requires(!std::convertible_to<Exception, Deadline>) bool kill(Exception&& exception,
                                                                Deadline deadline = Deadline::never()) const {
    if constexpr (std::is_same_v<std::remove_cvref_t<Exception>, std::exception_ptr>) {
      state_->end_by(std::forward<Exception>(exception));
    } else {
      state_->end_by(std::make_exception_ptr(std::forward<Exception>(exception)));
    }
    return state_->join("kill", deadline);
  }

  // It has begun to run, and is not dead yet. gevent: `started`, bool().
  [[nodiscard]] bool started() const noexcept { return state_->has_started() && !state_->is_dead(); }

  // It has returned, or an exception has ended it, or it was killed. gevent: ready(), dead.
  [[nodiscard]] bool dead() const noexcept { return state_->is_dead(); }
  [[nodiscard]] bool ready() const noexcept { return dead(); }

  // It is dead, and has returned or exited by GreenletExit: no error.
  [[nodiscard]] bool successful() const noexcept { return dead() && exception() == nullptr; }

  // The error that ended it; nullptr if there was none, and while it is alive.
  [[nodiscard]] std::exception_ptr exception() const noexcept {
    return !dead() || state_->has_exited() ? nullptr : state_->error();
  }

  // "Greenlet-7", unless given another. For messages.
  [[nodiscard]] std::string name() const { return state_->name(); }
  void set_name(std::string name) const { state_->set_name(std::move(name)); }

  // Counts from 1, never used again. gevent: minimal_ident.
  [[nodiscard]] std::uint64_t id() const noexcept { return state_->id(); }

  // Calls `callback` with this handle, in a greenlet of its own, once the greenlet is dead; soon, if it is so already.
  // link_value only if it is then successful(), link_exception only if not. Returns a number for unlink().
  std::uint64_t link(std::function<void(const AnyGreenlet&)> callback) const {
    return state_->add_link(std::move(callback));
  }
  std::uint64_t link_value(std::function<void(const AnyGreenlet&)> callback) const;
  std::uint64_t link_exception(std::function<void(const AnyGreenlet&)> callback) const;
  void unlink(std::uint64_t link) const { state_->remove_link(link); }

  // For wait().
  [[nodiscard]] const std::shared_ptr<detail::GreenletState>& state() const noexcept { return state_; }

 protected:
  std::shared_ptr<detail::GreenletState> state_;
};

// A handle of a greenlet with a result of type T.
//
//     Greenlet<int> greenlet = spawn([](int x) { sleep(1s); return 2 * x; }, 21);
//     int answer = greenlet.get();
//
// Threads, Fork: as AnyGreenlet.
template <class T>
class Greenlet : public AnyGreenlet {
 public:
  using Result = T;  // what get() returns

  Greenlet() noexcept = default;

  // spawn()'s.
  explicit Greenlet(std::shared_ptr<detail::ResultState<T>> state) noexcept : AnyGreenlet(std::move(state)) {}

  // Waits for the greenlet, and returns what its function returned, or throws what that threw; GreenletExit if it was
  // killed. Throws Timeout when `deadline` has passed first. Each call returns a copy; a result that can only be moved
  // is the first caller's, and further ones throw std::logic_error.
  T get(Deadline deadline = Deadline::never()) const {
    if (!state_->join("get", deadline)) throw Timeout("get: timed out");
    return static_cast<detail::ResultState<T>&>(*state_).get();
  }
};

namespace detail {

template <class F, class... Arguments>
auto make_call(F&& f, Arguments&&... arguments) {
  using Call = CallState<std::decay_t<F>, std::decay_t<Arguments>...>;
  return std::make_shared<Call>(std::forward<F>(f), std::forward<Arguments>(arguments)...);
}

}  // namespace detail

// A greenlet that will call f(arguments...), of which it keeps copies (std::ref for references), as soon as the running
// one waits. On the process's hub, which the first use of the library on the main thread starts. Throws std::bad_alloc;
// std::logic_error from another kernel thread, if there is no hub yet. Any greenlet and any kernel thread.
//
// A thread_local variable is the kernel thread's, and so all greenlets of the hub share it; a local<T> is a greenlet's
// own. So are errno, and the exceptions that it handles: it may wait in a handler, and throw; after that.
// gevent.spawn, Greenlet.spawn.
template <class F, class... Arguments>
auto spawn(F&& f, Arguments&&... arguments) {
  auto call = detail::make_call(std::forward<F>(f), std::forward<Arguments>(arguments)...);
  call->start(Deadline::now());
  return Greenlet<std::invoke_result_t<std::decay_t<F>, std::decay_t<Arguments>...>>(std::move(call));
}

// The same, but it begins when `begin` has come: a length from now, say. gevent.spawn_later.
template <class F, class... Arguments>
auto spawn_later(Deadline begin, F&& f, Arguments&&... arguments) {
  auto call = detail::make_call(std::forward<F>(f), std::forward<Arguments>(arguments)...);
  call->start(begin);
  return Greenlet<std::invoke_result_t<std::decay_t<F>, std::decay_t<Arguments>...>>(std::move(call));
}

// The running greenlet: that of spawn(), or a stand-in for the main one, a thread's, or a plain kernel thread.
// gevent.getcurrent.
AnyGreenlet getcurrent();

// Waits for `length`: the other greenlets run. With zero, or less, each of those that are ready runs first, and then it
// goes on. Throws what ends the running greenlet. Any greenlet; a plain kernel thread sleeps. gevent.sleep.
void sleep(Deadline until);
void sleep(int seconds);

}  // namespace evergreen
