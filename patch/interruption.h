// What a signal does to the call in which its target is parked: its handler has run when the wait returns as signalled.
#pragma once

#include <pthread.h>

#include <cerrno>

#include "hub/core/end.h"
#include "hub/core/park.h"

namespace evergreen::patch {

// How many handlers have run on this greenlet so far, and how many of them without SA_RESTART.
struct HandlerRuns {
  unsigned all, interrupting;
};
extern constinit thread_local HandlerRuns handler_runs;

// One wait of a call. signal(7) tells which calls never go on after a handler, whatever SA_RESTART says.
class Interruption {
 public:
  enum class Restarts : bool { never, if_asked };

  explicit Interruption(Restarts restarts) noexcept : restarts_(restarts), before_(runs()) {}

  // Whether the call has to end with EINTR.
  [[nodiscard]] bool has_come() const noexcept { return runs() != before_; }

  // After the wait has ended as signalled: 0 to wait again, or EINTR. For calls that are cancellation points.
  [[nodiscard]] int after_signal() const {
    pthread_testcancel();
    return has_come() ? EINTR : 0;
  }

  // After any end of the wait: the same; or, where an exception of the library's waits for control to be back in C++,
  // how the call must fail until then (hub/core/end.h).
  [[nodiscard]] int after(core::Wake how) const {
    if (how == core::Wake::ended) return core::error_of_end(core::current_or_thread());
    return how == core::Wake::signalled ? after_signal() : 0;
  }

 private:
  [[nodiscard]] unsigned runs() const noexcept {
    return restarts_ == Restarts::never ? handler_runs.all : handler_runs.interrupting;
  }

  const Restarts restarts_;
  const unsigned before_;
};

// What waits do that no signal ends: they go on.
inline int wait_again() noexcept { return 0; }

}  // namespace evergreen::patch
