#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "evergreen/detail/group_state.h"
#include "evergreen/greenlet.h"
#include "evergreen/queue.h"
#include "evergreen/semaphore.h"

namespace evergreen {
namespace detail {

// A range in a greenlet that reads it: its own, or a reference to the caller's.
template <class Range>
struct Held {
  Range range;
};

enum class Ordered : bool { no, yes };

template <class F, class Item>
using MapResult = std::conditional_t<std::is_void_v<std::invoke_result_t<F, Item>>, std::monostate,
                                     std::decay_t<std::invoke_result_t<F, Item>>>;

template <class F, class... Arguments>
auto spawn_in(GroupState& group, GroupState::Slot slot, F&& f, Arguments&&... arguments) {
  auto greenlet = evergreen::spawn(std::forward<F>(f), std::forward<Arguments>(arguments)...);
  group.add(greenlet, std::move(slot));
  return greenlet;
}

template <class F, class... Arguments>
std::invoke_result_t<std::decay_t<F>, std::decay_t<Arguments>...> apply_in(GroupState& group, F&& f,
                                                                           Arguments&&... arguments) {
  if (group.contains(getcurrent())) {
    return std::invoke(std::decay_t<F>(std::forward<F>(f)),
                       std::decay_t<Arguments>(std::forward<Arguments>(arguments))...);
  }
  return spawn_in(group, group.take_slot(Deadline::never()), std::forward<F>(f), std::forward<Arguments>(arguments)...)
      .get();
}

// What an IMap, who reads its range, and its calls share.
template <class T>
struct IMapState {
  // A call that is over, or an error of the range itself.
  struct Done {
    std::size_t index;
    Greenlet<T> call;
    std::exception_ptr error;
  };

  explicit IMapState(std::size_t maxsize) : room(maxsize) {}

  void follow(const Greenlet<T>& call, std::size_t index, const std::shared_ptr<IMapState>& self) {
    calls->add(call, calls->take_slot(Deadline::never()));
    ++open;
    const auto put = [self, index](const AnyGreenlet& dead) {
      self->done.put({index, Greenlet<T>(std::static_pointer_cast<ResultState<T>>(dead.state())), nullptr});
      self->end_one();
    };
    call.state()->add_link(put, GreenletState::Called::in_place);
  }
  void end_one() {
    if (--open == 0) done.shutdown();
  }

  // Nobody wants the results. What ends the running greenlet meanwhile stays for its next wait.
  void abandon() noexcept {
    end(reading);
    const std::vector<AnyGreenlet> left = calls->greenlets();
    for (const AnyGreenlet& call : left) call.state()->end_by(std::make_exception_ptr(GreenletExit()));
    for (const AnyGreenlet& call : left) end(call);
  }
  static void end(const AnyGreenlet& greenlet) noexcept {
    greenlet.state()->end_by(std::make_exception_ptr(GreenletExit()));
    greenlet.state()->join_undisturbed("~IMap");
  }

  Queue<Done> done;
  Semaphore room;  // for calls that are ahead of the reader
  std::shared_ptr<GroupState> calls = std::make_shared<GroupState>(GroupState::unlimited);
  std::atomic<std::size_t> open = 1;  // calls, and the reading of the range
  AnyGreenlet reading;
};

// Elements of a range that this greenlet alone has are moved out of it.
template <class Range, class Element>
std::ranges::range_value_t<Range> item_of(Element& element) {
  using Item = std::ranges::range_value_t<Range>;
  if constexpr (std::is_lvalue_reference_v<Range> || std::ranges::view<std::remove_cvref_t<Range>>) {
    return Item(element);
  } else {
    return Item(std::move(element));
  }
}

// In a greenlet of its own: makes the calls, as there is room for them.
template <class T, class F, class Range>
void read_range(const std::shared_ptr<IMapState<T>>& state, GroupState& group, F f, Range& range) {
  const auto shared_f = std::make_shared<F>(std::move(f));
  std::size_t index = 0;
  try {
    for (auto&& element : range) {
      state->room.acquire();
      auto slot = group.take_slot(Deadline::never());
      auto call = [shared_f, item = item_of<Range>(element)]() mutable -> T {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, decltype(item)>>) {
          std::invoke(*shared_f, std::move(item));
          return {};
        } else {
          return std::invoke(*shared_f, std::move(item));
        }
      };
      state->follow(spawn_in(group, std::move(slot), std::move(call)), index++, state);
    }
  } catch (...) {
    state->done.put({index, Greenlet<T>(), std::current_exception()});
  }
  state->end_one();
}

}  // namespace detail

// What imap() returns: an input range of the results of calls that run in the background, each as soon as its turn has
// come.
//
//     for (auto& page : pool.imap(fetch, urls)) index(page);
//
// Where a call has thrown, reading its result (*it) throws that; the next ones can be read all the same. An error of
// the range itself comes where its next result would. Destroying it kills the calls that still run, and waits until
// they have cleaned up; who destroys it is not interrupted meanwhile.
//
// Threads: one greenlet, or kernel thread, at a time. It may outlive its pool.
// Follows what gevent.pool.Group.imap returns.
template <class T>
class IMap {
  using State = detail::IMapState<T>;

 public:
  class Iterator;

  // imap()'s.
  IMap(std::shared_ptr<State> state, detail::Ordered ordered) noexcept : state_(std::move(state)), ordered_(ordered) {}

  IMap(IMap&&) noexcept = default;
  IMap& operator=(IMap&&) = delete;
  ~IMap() {
    if (state_ != nullptr) state_->abandon();
  }

  // The next result: waits for it, and throws what its call has thrown, or what ends the running greenlet. Nothing at
  // the end.
  std::optional<T> next() {
    if (!advance()) return std::nullopt;
    return std::move(value());
  }

  // Waits for the first result.
  Iterator begin() {
    advance();
    return Iterator(this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  bool advance() {
    value_.reset();
    current_.reset();
    if (auto done = ordered_ == detail::Ordered::yes ? next_in_order() : state_->done.try_get(Deadline::never())) {
      current_.emplace(std::move(*done));
      state_->room.release();
    }
    return current_.has_value();
  }

  std::optional<typename State::Done> next_in_order() {
    for (;;) {
      if (auto found = early_.extract(index_); !found.empty()) {
        ++index_;
        return std::move(found.mapped());
      }
      auto done = state_->done.try_get(Deadline::never());
      if (!done) return std::nullopt;
      early_.emplace(done->index, std::move(*done));
    }
  }

  T& value() {
    if (!value_.has_value()) {
      if (current_->error != nullptr) std::rethrow_exception(current_->error);
      value_.emplace(static_cast<detail::ResultState<T>&>(*current_->call.state()).take());
    }
    return *value_;
  }

  std::shared_ptr<State> state_;
  detail::Ordered ordered_;
  std::size_t index_ = 0;  // of the next one, and those that were there before it
  std::map<std::size_t, typename State::Done> early_;
  std::optional<typename State::Done> current_;
  std::optional<T> value_;
};

// Of an IMap: an input iterator.
template <class T>
class IMap<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit Iterator(IMap* of) noexcept : map_(of) {}

  T& operator*() const { return map_->value(); }
  T* operator->() const { return &**this; }
  Iterator& operator++() {
    map_->advance();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t /*end*/) const noexcept { return !map_->current_.has_value(); }

 private:
  IMap* map_;
};

namespace detail {

template <class F, class Range>
auto make_imap(const std::shared_ptr<GroupState>& group, F f, Range&& range, std::size_t maxsize, Ordered ordered) {
  using T = MapResult<F&, std::ranges::range_value_t<Range>>;
  // One more than there can be would not be given back.
  auto state = std::make_shared<IMapState<T>>(std::min(maxsize, GroupState::unlimited / 2));
  state->reading =
      evergreen::spawn([state, group, f = std::move(f), held = Held<Range>{std::forward<Range>(range)}]() mutable {
        read_range<T, F, Range>(state, *group, std::move(f), held.range);
      });
  return IMap<T>(std::move(state), ordered);
}

template <class F, class Range>
auto map_in(const std::shared_ptr<GroupState>& group, F f, Range&& range) {
  using T = MapResult<F&, std::ranges::range_value_t<Range>>;
  std::vector<T> results;
  for (T& result : make_imap(group, std::move(f), std::forward<Range>(range), GroupState::unlimited, Ordered::yes)) {
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace detail
}  // namespace evergreen
