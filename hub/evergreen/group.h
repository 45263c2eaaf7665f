#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/detail/group_state.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/imap.h"

namespace evergreen {

// Greenlets that belong together: they can be waited for and killed as one. A greenlet that dies leaves it.
//
//     Group connections;
//     while (running) connections.spawn(serve, listener.accept());
//     connections.kill();                // and waits until all have cleaned up
//
// It does not own them: they run on when it is destroyed.
//
// Threads: all members from any greenlet of any hub and any kernel thread; what waits blocks a plain kernel thread.
// Fork: the child has the greenlet that forked alone; the others never leave.
// Follows gevent.pool.Group.
class Group {
 public:
  Group() : Group(detail::GroupState::unlimited) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // spawn(f, arguments...) in this group. A Pool that is full makes it wait until there is room. Throws what ends the
  // running greenlet, then.
  template <class F, class... Arguments>
  auto spawn(F&& f, Arguments&&... arguments) {
    return detail::spawn_in(*state_, state_->take_slot(Deadline::never()), std::forward<F>(f),
                            std::forward<Arguments>(arguments)...);
  }

  // Makes a greenlet that runs already a member, or does nothing if it is dead or one. A Pool that is full makes it
  // wait, and throws PoolFull when `deadline` has passed.
  void add(const AnyGreenlet& greenlet, Deadline deadline = Deadline::never());

  // Not a member any more; it runs on.
  void discard(const AnyGreenlet& greenlet) { state_->discard(greenlet); }

  // Waits until there has been no member for a moment, or `deadline` has passed; returns whether there has. With
  // `raise_error` it then throws the error of one that was a member when this began, if any had one.
  bool join(Deadline deadline = Deadline::never(), bool raise_error = false) {
    return state_->join(deadline, raise_error);
  }

  // Throws `exception` in each member, by default GreenletExit, and waits until none is left, or `deadline` has passed
  // (with Deadline::now() not at all); returns whether none is. Members are told once, also those that come meanwhile.
  // If the running greenlet is one, it is told last, and throws right here.
  bool kill(Deadline deadline = Deadline::never()) { return kill(GreenletExit(), deadline); }
  template <class Exception>
  requires(!std::convertible_to<Exception, Deadline>) bool kill(Exception&& exception,
                                                                Deadline deadline = Deadline::never()) {
    return state_->kill(detail::as_exception_ptr(std::forward<Exception>(exception)), deadline);
  }

  // The same for one, if it is a member that has not been told yet; returns whether it is dead.
  bool killone(const AnyGreenlet& greenlet, Deadline deadline = Deadline::never()) {
    return killone(greenlet, GreenletExit(), deadline);
  }
  template <class Exception>
  requires(!std::convertible_to<Exception, Deadline>) bool killone(const AnyGreenlet& greenlet, Exception&& exception,
                                                                   Deadline deadline = Deadline::never()) {
    return state_->kill_one(greenlet, detail::as_exception_ptr(std::forward<Exception>(exception)), deadline);
  }

  // The members, the oldest first; how many they are; whether one is.
  [[nodiscard]] std::vector<AnyGreenlet> greenlets() const { return state_->greenlets(); }
  [[nodiscard]] std::size_t size() const { return state_->count(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] bool contains(const AnyGreenlet& greenlet) const { return state_->contains(greenlet); }

  // Whether there is room for no more, as in a Pool only.
  [[nodiscard]] bool full() const { return state_->slots.locked(); }

  // Waits until there is room, or `deadline` has passed; returns for how many. Another greenlet may take it first.
  std::size_t wait_available(Deadline deadline = Deadline::never()) { return state_->slots.wait(deadline); }

  // Calls f(arguments...) in a member that it spawns, waits for it, and returns what it returns, or throws what it
  // throws. In place, if the running greenlet is a member: it would else wait for its own slot.
  template <class F, class... Arguments>
  decltype(auto) apply(F&& f, Arguments&&... arguments) {
    return detail::apply_in(*state_, std::forward<F>(f), std::forward<Arguments>(arguments)...);
  }

  // The same, but does not wait: returns a greenlet that has the result. It is a member, or if there is no room, one
  // that will spawn the member.
  template <class F, class... Arguments>
  auto apply_async(F&& f, Arguments&&... arguments) {
    using Call = std::tuple<std::decay_t<F>, std::decay_t<Arguments>...>;
    if (auto slot = state_->take_slot(Deadline::now())) {
      return detail::spawn_in(*state_, std::move(slot), std::forward<F>(f), std::forward<Arguments>(arguments)...);
    }
    Call call(std::forward<F>(f), std::forward<Arguments>(arguments)...);
    return evergreen::spawn([state = state_, call = std::move(call)]() mutable -> decltype(auto) {
      return std::apply(
          [&](auto&&... parts) -> decltype(auto) { return detail::apply_in(*state, std::move(parts)...); }, call);
    });
  }

  // f(item) for each item of a range, each in a member of its own, as many at a time as there is room for; returns the
  // results in the order of the items, std::monostate for a function that returns nothing. Throws what the first call
  // in that order threw; the others that still run are killed then. Items are copies of the range's elements, which
  // must live as long as this.
  template <class F, std::ranges::input_range Range>
  auto map(F f, Range&& range) {
    return detail::map_in(state_, std::move(f), std::forward<Range>(range));
  }

  // The same in a greenlet, which is no member and has the vector of results.
  template <class F, std::ranges::input_range Range>
  auto map_async(F f, Range&& range) {
    return evergreen::spawn(
        [state = state_, f = std::move(f), held = detail::Held<Range>{std::forward<Range>(range)}]() mutable {
          return detail::map_in(state, std::move(f), std::forward<Range>(held.range));
        });
  }

  // The same, but returns an input range that gives each result as soon as it, and all before it, are there. Calls
  // begin at once, in the background; with `maxsize` at most so many are ahead of the reader, so the range may be
  // endless. See IMap.
  template <class F, std::ranges::input_range Range>
  auto imap(F f, Range&& range, std::size_t maxsize = detail::GroupState::unlimited) {
    return detail::make_imap(state_, std::move(f), std::forward<Range>(range), maxsize, detail::Ordered::yes);
  }

  // The same in the order in which they come. The one to prefer where the order does not matter.
  template <class F, std::ranges::input_range Range>
  auto imap_unordered(F f, Range&& range, std::size_t maxsize = detail::GroupState::unlimited) {
    return detail::make_imap(state_, std::move(f), std::forward<Range>(range), maxsize, detail::Ordered::no);
  }

 protected:
  explicit Group(std::size_t size) : state_(std::make_shared<detail::GroupState>(size)) {}

  std::shared_ptr<detail::GroupState> state_;
};

}  // namespace evergreen
