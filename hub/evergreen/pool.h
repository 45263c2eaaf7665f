#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/group.h"
#include "evergreen/queue_error.h"

namespace evergreen {

// No room in a Pool came in time. gevent.pool.PoolFull.
class PoolFull : public Full {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the pool is full"; }
};

// A Group with room for a number of greenlets: spawn() waits while it is full.
//
//     Pool pool(20);
//     for (auto& page : pool.imap_unordered(fetch, urls)) index(page);     // 20 at a time
//
// Who waits gets room in the order of coming. Threads, Fork: as Group.
// Follows gevent.pool.Pool.
class Pool : public Group {
 public:
  // A size: spawn() never waits.
  static constexpr std::size_t unlimited = detail::GroupState::unlimited;

  // With room for `size` greenlets. In one of size 0 spawn() waits for ever.
  explicit Pool(std::size_t size = unlimited) : Group(size) {}

  // spawn() if there is room now; else none.
  template <class F, class... Arguments>
  auto try_spawn(F&& f, Arguments&&... arguments) {
    auto slot = state_->take_slot(Deadline::now());
    using Spawned =
        decltype(detail::spawn_in(*state_, std::move(slot), std::forward<F>(f), std::forward<Arguments>(arguments)...));
    if (!slot) return std::optional<Spawned>();
    return std::optional<Spawned>(
        detail::spawn_in(*state_, std::move(slot), std::forward<F>(f), std::forward<Arguments>(arguments)...));
  }

  // How many more greenlets there is room for.
  [[nodiscard]] std::size_t free_count() const { return state_->slots.counter(); }

  // How many greenlets there is room for when it is empty.
  [[nodiscard]] std::size_t max_size() const noexcept { return state_->size(); }
};

}  // namespace evergreen
