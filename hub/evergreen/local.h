#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "evergreen/detail/local_values.h"

namespace evergreen {

// A variable of which each greenlet has its own: made at the greenlet's first use, destroyed when it ends.
//
//     local<Connection> connection([] { return connect(database); });
//     pool.map([&](const Query& query) { return connection->run(query); }, queries);
//
// The destructor runs in the greenlet, whose waits go on then; of several values the newest is destroyed first. The
// main greenlet and each plain thread have their own, too, as by thread_local.
//
// A local that is destroyed takes with it the value of who destroys it; those of others live as long as these do.
//
// Threads: all members from any greenlet of any hub and any kernel thread; a value is its greenlet's. Not from
// destructors of static objects. Fork: the child has the values of the greenlet that forked.
// Follows gevent.local.local.
template <class T>
class local {  // NOLINT(readability-identifier-naming): gevent's name
 public:
  // Each greenlet's value is T().
  local() requires std::is_default_constructible_v<T> : local([] { return T(); }) {}

  // Each greenlet's value is what make() returns. It may wait, and throw: then the next use calls it again.
  template <class Make>
  requires(std::is_invocable_r_v<T, Make&> &&
           !std::is_same_v<std::remove_cvref_t<Make>, local>) explicit local(Make make)
      : make_(std::move(make)) {}

  ~local() { reset(); }
  local(const local&) = delete;
  local& operator=(const local&) = delete;

  // The running greenlet's value.
  T& get() {
    if (void* const value = detail::local_values().find(id_)) return *static_cast<T*>(value);
    std::unique_ptr<T> made(new T(make_()));
    detail::LocalValues& values = detail::local_values();
    values.reserve();
    values.add(id_, made.get(), [](void* value) noexcept { delete static_cast<T*>(value); });
    return *made.release();
  }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

  // Destroys the running greenlet's value: the next use makes a new one. Does nothing if there is none.
  void reset() { detail::local_values().remove(id_); }

  // Whether the running greenlet has a value.
  [[nodiscard]] bool has_value() const { return detail::local_values().find(id_) != nullptr; }

 private:
  const std::uint64_t id_ = detail::next_local();
  std::function<T()> make_;
};

}  // namespace evergreen
