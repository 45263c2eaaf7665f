// Condition variables wait in the table alone: a waiter is in it before it lets go of the mutex, so no signal can fall
// in between. glibc's own state stays untouched (as after pthread_cond_init), but for the attributes kept in it. Only
// those that other processes signal wait as libc does.

#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/mutex.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// pthread_cond_t::__data.__wrefs, low bits.
constexpr unsigned process_shared_bit = 1, monotonic_bit = 2;

bool is_shared(const pthread_cond_t& condition) noexcept {
  return (condition.__data.__wrefs & process_shared_bit) != 0;
}

// POSIX allows a wait to end for no reason; so this one ends after a millisecond, and the program looks itself.
int wait_a_little(pthread_mutex_t* mutex, const char* why, Deadline deadline) {
  if (const int error = unlock_mutex(mutex)) return error;
  sleep_a_little(why, deadline);
  const int locked = lock_mutex(mutex, why);
  pthread_testcancel();
  return locked == 0 && deadline.has_passed() ? ETIMEDOUT : locked;
}

// A signal from another process reaches nobody here: libc's own wait. It unlocks the mutex where we don't see it, so it
// is only for mutexes for which no greenlet is parked. A cancellation may end it.
template <class Libc>
int wait_shared(pthread_mutex_t* mutex, const char* why, Deadline deadline, Libc libc) {
  if (!waits_in_kernel(*mutex)) return wait_a_little(mutex, why, deadline);
  const core::SlowCall slow;
  return slow.offered() ? libc() : wait_a_little(mutex, why, deadline);
}

// One wait in the table, from before the mutex is unlocked until it is locked again; that too where a handler ends the
// thread.
class Waiting {
 public:
  Waiting(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why) noexcept
      : sleeper_(condition, Sleeper::Kind::lock), mutex_(mutex), why_(why) {
    add(sleeper_);
    error_ = unlock_mutex(mutex);
    is_unlocked_ = error_ == 0;
    if (!is_unlocked_ && !remove(sleeper_)) wake(condition, 1);
  }
  ~Waiting() {
    if (is_unlocked_) lock();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // Of the unlock, or of the lock.
  [[nodiscard]] int error() const noexcept { return error_; }

  // Parks until it is woken, the deadline passes or the thread is cancelled. Handlers run in between; a wake-up that
  // comes meanwhile takes it from the table.
  core::Wake park(Deadline deadline) {
    for (;;) {
      {
        const core::Runtime runtime;
        core::prepare_to_park(sleeper_.greenlet, core::Hears::cancellation);
        if (!is_waiting(sleeper_)) return core::Wake::woken;
        const core::Wake how = core::park(sleeper_.greenlet, why_, deadline);
        if (how != core::Wake::signalled) return how;
      }
      if (has_cancel_pending()) return core::Wake::signalled;
    }
  }

  // Returns whether nobody has woken it.
  bool lock() noexcept {
    const bool was_waiting = remove(sleeper_);
    error_ = lock_mutex(mutex_, why_);
    is_unlocked_ = false;
    return was_waiting;
  }

 private:
  Sleeper sleeper_;
  pthread_mutex_t* const mutex_;
  const char* const why_;
  int error_;
  bool is_unlocked_;
};

int wait_own(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline) {
  pthread_testcancel();
  Waiting waiting(condition, mutex, why);
  if (waiting.error() != 0) return waiting.error();
  const core::Wake how = waiting.park(deadline);
  if (!waiting.lock()) return waiting.error();  // woken, whatever else came
  if (how == core::Wake::signalled) pthread_testcancel();
  return waiting.error() == 0 && how == core::Wake::timed_out ? ETIMEDOUT : waiting.error();
}

template <class Libc>
int wait(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline, Libc libc) {
  return is_shared(*condition) ? wait_shared(mutex, why, deadline, libc) : wait_own(condition, mutex, why, deadline);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks until signalled. Cancellation point. May end for no reason.
SHIM int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (!parks()) return real.pthread_cond_wait(condition, mutex);
  return wait(condition, mutex, "pthread_cond_wait", Deadline::never(),
              [=] { return real.pthread_cond_wait(condition, mutex); });
}

// Parks until signalled. Cancellation point. May end for no reason.
SHIM int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  if (!parks()) return real.pthread_cond_timedwait(condition, mutex, until);
  if (!is_valid(*until)) return EINVAL;
  const bool monotonic = (condition->__data.__wrefs & monotonic_bit) != 0;
  return wait(condition, mutex, "pthread_cond_timedwait",
              deadline_on(monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME, *until),
              [=] { return real.pthread_cond_timedwait(condition, mutex, until); });
}

// Parks until signalled. Cancellation point. May end for no reason.
SHIM int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                const timespec* until) {
  const bool known = is_lock_clock(clock);
  if (!parks() || !known) return real.pthread_cond_clockwait(condition, mutex, clock, until);
  if (!is_valid(*until)) return EINVAL;
  return wait(condition, mutex, "pthread_cond_clockwait", deadline_on(clock, *until),
              [=] { return real.pthread_cond_clockwait(condition, mutex, clock, until); });
}

// libc's is for kernel threads that began to wait before there was a hub, and for other processes; it costs a load.
SHIM int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  if (started() && patch::wake(condition, 1) != 0) return 0;
  return real.pthread_cond_signal(condition);
}

SHIM int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  if (started()) patch::wake(condition, SIZE_MAX);
  return real.pthread_cond_broadcast(condition);
}
