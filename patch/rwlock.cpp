#include "greenlet/tls_block.h"
#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

bool is_self_deadlock(const pthread_rwlock_t& lock) noexcept { return lock.__data.__cur_writer == thread_id(); }

// Only this kind of lock lets no reader pass a waiting writer; glibc's default prefers readers.
bool prefers_writers(const pthread_rwlock_t& lock) noexcept {
  return lock.__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

// Other processes may unlock it: libc's own call waits for it, in the kernel.
bool is_shared(const pthread_rwlock_t& lock) noexcept { return lock.__data.__shared != 0; }

int try_read_lock(pthread_rwlock_t* lock) {
  return prefers_writers(*lock) && is_claimed(lock) ? EBUSY : real.pthread_rwlock_tryrdlock(lock);
}

template <class Libc>
int read_lock(pthread_rwlock_t* lock, const char* why, Deadline deadline, Libc libc) {
  const auto attempt = [lock] { return try_read_lock(lock); };
  let_beaten_go_first(lock);
  const int result = attempt();
  if (result != EBUSY) return result;
  if (is_self_deadlock(*lock)) return EDEADLK;
  if (is_shared(*lock)) return block_or_look(why, deadline, attempt, libc, wait_again);
  return try_then_park(lock, Sleeper::Kind::reader, why, deadline, attempt, wait_again);
}

template <class Libc>
int write_lock(pthread_rwlock_t* lock, const char* why, Deadline deadline, Libc libc) {
  const auto attempt = [lock] { return pthread_rwlock_trywrlock(lock); };
  const auto wait = [=] { return try_then_park(lock, Sleeper::Kind::lock, why, deadline, attempt, wait_again); };
  let_beaten_go_first(lock);
  int result = attempt();
  if (result != EBUSY) return result;
  if (is_self_deadlock(*lock)) return EDEADLK;
  if (is_shared(*lock)) return block_or_look(why, deadline, attempt, libc, wait_again);
  if (prefers_writers(*lock)) {
    const Claim claim(lock);
    result = wait();
  } else {
    result = wait();
  }
  if (result != 0) wake_for_rwlock(lock, prefers_writers(*lock));  // readers that queued up behind us
  return result;
}

// glibc looks at the clock and the time before it looks at the lock.
bool is_usable(clockid_t clock, const timespec* until) noexcept { return is_lock_clock(clock) && is_valid(*until); }

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// libc's headers say that these throw nothing. But handlers run in them, which may end the thread.
SHIM int evergreen_pthread_rwlock_rdlock(pthread_rwlock_t* lock) asm("pthread_rwlock_rdlock");
SHIM int evergreen_pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) asm("pthread_rwlock_tryrdlock");
SHIM int evergreen_pthread_rwlock_timedrdlock(pthread_rwlock_t* lock,
                                              const timespec* until) asm("pthread_rwlock_timedrdlock");
SHIM int evergreen_pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock,
                                              const timespec* until) asm("pthread_rwlock_clockrdlock");
SHIM int evergreen_pthread_rwlock_wrlock(pthread_rwlock_t* lock) asm("pthread_rwlock_wrlock");
SHIM int evergreen_pthread_rwlock_timedwrlock(pthread_rwlock_t* lock,
                                              const timespec* until) asm("pthread_rwlock_timedwrlock");
SHIM int evergreen_pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock,
                                              const timespec* until) asm("pthread_rwlock_clockwrlock");
SHIM int evergreen_pthread_rwlock_unlock(pthread_rwlock_t* lock) asm("pthread_rwlock_unlock");

// Parks while a writer holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  if (!parks()) return real.pthread_rwlock_rdlock(lock);
  return read_lock(lock, "pthread_rwlock_rdlock", Deadline::never(), [=] { return real.pthread_rwlock_rdlock(lock); });
}

SHIM int __pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept { return pthread_rwlock_rdlock(lock); }

// Does not pass a waiting writer where those are preferred.
SHIM int evergreen_pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) {
  return parks() ? try_read_lock(lock) : real.pthread_rwlock_tryrdlock(lock);
}

SHIM int __pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept { return pthread_rwlock_tryrdlock(lock); }

// Parks while a writer holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_timedrdlock(pthread_rwlock_t* lock, const timespec* until) {
  if (!parks() || !is_usable(CLOCK_REALTIME, until)) return real.pthread_rwlock_timedrdlock(lock, until);
  return read_lock(lock, "pthread_rwlock_timedrdlock", deadline_on(CLOCK_REALTIME, *until),
                   [=] { return real.pthread_rwlock_timedrdlock(lock, until); });
}

// Parks while a writer holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* until) {
  if (!parks() || !is_usable(clock, until)) return real.pthread_rwlock_clockrdlock(lock, clock, until);
  return read_lock(lock, "pthread_rwlock_clockrdlock", deadline_on(clock, *until),
                   [=] { return real.pthread_rwlock_clockrdlock(lock, clock, until); });
}

// Parks while others hold it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  if (!parks()) return real.pthread_rwlock_wrlock(lock);
  return write_lock(lock, "pthread_rwlock_wrlock", Deadline::never(), [=] { return real.pthread_rwlock_wrlock(lock); });
}

SHIM int __pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept { return pthread_rwlock_wrlock(lock); }

// Parks while others hold it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_timedwrlock(pthread_rwlock_t* lock, const timespec* until) {
  if (!parks() || !is_usable(CLOCK_REALTIME, until)) return real.pthread_rwlock_timedwrlock(lock, until);
  return write_lock(lock, "pthread_rwlock_timedwrlock", deadline_on(CLOCK_REALTIME, *until),
                    [=] { return real.pthread_rwlock_timedwrlock(lock, until); });
}

// Parks while others hold it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* until) {
  if (!parks() || !is_usable(clock, until)) return real.pthread_rwlock_clockwrlock(lock, clock, until);
  return write_lock(lock, "pthread_rwlock_clockwrlock", deadline_on(clock, *until),
                    [=] { return real.pthread_rwlock_clockwrlock(lock, clock, until); });
}

SHIM int evergreen_pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  const int result = real.pthread_rwlock_unlock(lock);
  if (started() && result == 0) wake_for_rwlock(lock, prefers_writers(*lock));
  return result;
}

SHIM int __pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept { return pthread_rwlock_unlock(lock); }
