// What makes a lock usable by the standard library's guards. Not for users.
#pragma once

#include <chrono>

#include "evergreen/deadline.h"

namespace evergreen::detail {

// std::timed_mutex's members for a `Lock` with acquire(deadline) and release().
template <class Lock>
class Lockable {
 public:
  // acquire() without a deadline. Throws what ends the running greenlet, which does not hold it then.
  void lock() { static_cast<Lock*>(this)->acquire(Deadline::never()); }

  // acquire() without waiting.
  [[nodiscard]] bool try_lock() { return static_cast<Lock*>(this)->acquire(Deadline::now()); }

  // acquire() until a deadline, as the standard library puts it.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& length) {
    return static_cast<Lock*>(this)->acquire(Deadline::in(length));
  }
  template <class Clock, class Length>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Length>& when) {
    return try_lock_for(when - Clock::now());
  }

  // release().
  void unlock() { static_cast<Lock*>(this)->release(); }

 protected:
  Lockable() noexcept = default;
  ~Lockable() = default;
};

}  // namespace evergreen::detail
