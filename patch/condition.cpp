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

// One wait, from the unlock on. Where a handler ends the thread, by unwinding, the program's own cleanup handlers find
// the mutex locked; and the signal that it was woken by, if any, is another's.
class Wait {
 public:
  Wait(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why) noexcept
      : condition_(condition), mutex_(mutex), why_(why) {}
  ~Wait() noexcept(false) {
    if (!is_unlocked_) return;
    lock_mutex(mutex_, why_);
    if (was_woken) wake(condition_, 1);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  int unlock() {
    const int error = unlock_mutex(mutex_);
    is_unlocked_ = error == 0;
    return error;
  }

  // Cancellation point.
  int end(bool timed_out) {
    is_unlocked_ = false;
    const int locked = lock_mutex(mutex_, why_);
    if (!was_woken) pthread_testcancel();
    return locked == 0 && timed_out ? ETIMEDOUT : locked;
  }

  bool was_woken = false;

 private:
  pthread_cond_t* const condition_;
  pthread_mutex_t* const mutex_;
  const char* const why_;
  bool is_unlocked_ = false;
};

// POSIX allows a wait to end for no reason; so this one ends after a millisecond, and the program looks itself.
int wait_a_little(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline) {
  Wait wait(condition, mutex, why);
  if (const int error = wait.unlock()) return error;
  sleep_a_little(why, deadline);
  return wait.end(deadline.has_passed());
}

// A signal from another process reaches nobody here: libc's own wait. It unlocks the mutex where we don't see it, so it
// is only for mutexes for which no greenlet is parked. A cancellation may end it.
template <class Libc>
int wait_shared(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline, Libc libc) {
  if (!waits_in_kernel(*mutex)) return wait_a_little(condition, mutex, why, deadline);
  const core::SlowCall slow;
  return slow.offered() ? libc() : wait_a_little(condition, mutex, why, deadline);
}

// After a signal it ends for no reason.
int wait_own(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline) {
  Wait wait(condition, mutex, why);
  core::Wake how;
  {
    const core::Runtime runtime;
    Sleeper sleeper(condition, Sleeper::Kind::lock);
    core::prepare_to_park(sleeper.greenlet, core::Hears::cancellation);
    add(sleeper);
    if (const int error = wait.unlock()) {
      if (!remove(sleeper)) wake(condition, 1);
      return error;
    }
    how = core::park(sleeper.greenlet, why, deadline);
    wait.was_woken = !remove(sleeper);
  }
  return wait.end(!wait.was_woken && how == core::Wake::timed_out);
}

template <class Libc>
int wait(pthread_cond_t* condition, pthread_mutex_t* mutex, const char* why, Deadline deadline, Libc libc) {
  if (is_shared(*condition)) return wait_shared(condition, mutex, why, deadline, libc);
  pthread_testcancel();
  return wait_own(condition, mutex, why, deadline);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// libc's headers say that these throw nothing. But handlers run in them, which may end the thread.
SHIM int evergreen_pthread_cond_signal(pthread_cond_t* condition) asm("pthread_cond_signal");
SHIM int evergreen_pthread_cond_broadcast(pthread_cond_t* condition) asm("pthread_cond_broadcast");

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
SHIM int evergreen_pthread_cond_signal(pthread_cond_t* condition) {
  if (started() && patch::wake(condition, 1) != 0) return 0;
  return real.pthread_cond_signal(condition);
}

SHIM int evergreen_pthread_cond_broadcast(pthread_cond_t* condition) {
  if (started()) patch::wake(condition, SIZE_MAX);
  return real.pthread_cond_broadcast(condition);
}
