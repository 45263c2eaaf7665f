#include "patch/mutex.h"

#include "greenlet/tls_block.h"
#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/offload.h"
#include "patch/robust.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// pthread_mutex_t::__data.__kind, whose low bits are the type. Robust mutexes are all marked as process-shared: the
// kernel, which wakes for a dead owner, knows no others.
constexpr int type_mask = 3, robust_bit = 16, inherit_bit = 32, protect_bit = 64, process_shared_bit = 128;

bool has(const pthread_mutex_t& mutex, int bit) noexcept { return (mutex.__data.__kind & bit) != 0; }

// The kernel knows the owner of a priority-inheriting mutex by its thread id, and has no thread of a greenlet's: so
// these never come to the kernel. A process-shared one is looked at now and then. A process without greenlets that
// waits for one that a greenlet holds asks the kernel, which finds no such owner: that process hangs.
bool is_looked_at(const pthread_mutex_t& mutex) noexcept {
  return has(mutex, process_shared_bit) && has(mutex, inherit_bit);
}

// glibc's trylock of a robust mutex that is beyond recovery locks it for ever (2.36 looks at the wrong variable). Its
// timedlock does not, and this time makes it give up without a system call.
int try_lock_robust(pthread_mutex_t* mutex) noexcept {
  constexpr timespec before_all_time{-1, 0};
  const int result = real.pthread_mutex_timedlock(mutex, &before_all_time);
  return result == ETIMEDOUT ? EBUSY : result;
}

// glibc's trylock, which knows every type and owner. One with a priority ceiling asks the kernel for a real-time
// priority, which it refuses to all ordinary threads as invalid, but to greenlets as unknown.
int try_lock_any(pthread_mutex_t* mutex) noexcept {
  if (has(*mutex, robust_bit) && has(*mutex, inherit_bit)) {
    if (take_from_dead_owner(*mutex)) return EOWNERDEAD;
    if (is_beyond_recovery(*mutex)) return ENOTRECOVERABLE;
  }
  const int result = real.pthread_mutex_trylock(mutex);
  return result == ESRCH && has(*mutex, protect_bit) ? EINVAL : result;
}

int try_lock(pthread_mutex_t* mutex) noexcept {
  return has(*mutex, robust_bit) && !has(*mutex, inherit_bit) ? try_lock_robust(mutex) : try_lock_any(mutex);
}

// trylock says EBUSY where lock must say EDEADLK.
bool is_self_deadlock(const pthread_mutex_t& mutex) noexcept {
  return (mutex.__data.__kind & type_mask) == PTHREAD_MUTEX_ERRORCHECK && mutex.__data.__owner == thread_id();
}

// `libc` is libc's own call, for those that wait in the kernel.
template <class Libc>
int lock(pthread_mutex_t* mutex, const char* why, Deadline deadline, Libc libc) {
  let_beaten_go_first(mutex);
  const int result = try_lock(mutex);
  if (result != EBUSY) return result;
  if (is_self_deadlock(*mutex)) return EDEADLK;
  const auto attempt = [mutex] { return try_lock(mutex); };
  if (is_looked_at(*mutex)) return look_every_millisecond(why, deadline, attempt, wait_again);
  if (waits_in_kernel(*mutex)) return block_or_look(why, deadline, attempt, libc, wait_again);
  const int outcome = try_then_park(mutex, Sleeper::Kind::lock, why, deadline, attempt, wait_again);
  if (outcome == ENOTRECOVERABLE) wake(mutex, SIZE_MAX);  // as nobody will unlock it any more
  return outcome;
}

}  // namespace

bool waits_in_kernel(const pthread_mutex_t& mutex) noexcept {
  return has(mutex, process_shared_bit) && !has(mutex, inherit_bit);
}

int lock_mutex(pthread_mutex_t* mutex, const char* why) {
  return lock(mutex, why, Deadline::never(), [mutex] { return real.pthread_mutex_lock(mutex); });
}

int unlock_mutex(pthread_mutex_t* mutex) {
  const int result = real.pthread_mutex_unlock(mutex);
  if (result == 0) wake(mutex, 1);
  return result;
}

namespace {

template <class Libc>
int lock_until(pthread_mutex_t* mutex, clockid_t clock, const timespec* until, const char* why, Libc libc) {
  const int result = try_lock(mutex);
  if (result != EBUSY) return result;
  if (!is_valid(*until)) return libc();  // EINVAL, or EDEADLK: it does not wait
  return lock(mutex, why, deadline_on(clock, *until), libc);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// libc's headers say that these throw nothing. But handlers run in them, which may end the thread.
SHIM int evergreen_pthread_mutex_lock(pthread_mutex_t* mutex) asm("pthread_mutex_lock");
SHIM int evergreen_pthread_mutex_timedlock(pthread_mutex_t* mutex,
                                           const timespec* until) asm("pthread_mutex_timedlock");
SHIM int evergreen_pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                                           const timespec* until) asm("pthread_mutex_clocklock");
SHIM int evergreen_pthread_mutex_trylock(pthread_mutex_t* mutex) asm("pthread_mutex_trylock");
SHIM int evergreen_pthread_mutex_unlock(pthread_mutex_t* mutex) asm("pthread_mutex_unlock");

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_mutex_lock(pthread_mutex_t* mutex) {
  if (!parks()) return real.pthread_mutex_lock(mutex);
  return lock_mutex(mutex, "pthread_mutex_lock");
}

SHIM int __pthread_mutex_lock(pthread_mutex_t* mutex) noexcept { return pthread_mutex_lock(mutex); }

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) {
  if (!parks()) return real.pthread_mutex_timedlock(mutex, until);
  return lock_until(mutex, CLOCK_REALTIME, until, "pthread_mutex_timedlock",
                    [=] { return real.pthread_mutex_timedlock(mutex, until); });
}

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  const bool known = is_lock_clock(clock);
  if (!parks() || !known) return real.pthread_mutex_clocklock(mutex, clock, until);
  return lock_until(mutex, clock, until, "pthread_mutex_clocklock",
                    [=] { return real.pthread_mutex_clocklock(mutex, clock, until); });
}

// Who finds it held often looks again at once, in a loop: then the holder must be let run.
SHIM int evergreen_pthread_mutex_trylock(pthread_mutex_t* mutex) {
  if (!parks()) return real.pthread_mutex_trylock(mutex);
  const int result = try_lock_any(mutex);
  if (result == EBUSY && on_greenlet()) core::yield();
  return result;
}

SHIM int __pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept { return pthread_mutex_trylock(mutex); }

// Takes the lock for a moment. libc's own call waits for it, in the kernel.
SHIM int pthread_mutex_setprioceiling(pthread_mutex_t* mutex, int ceiling, int* before) noexcept {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.pthread_mutex_setprioceiling(mutex, ceiling, before); });
}

SHIM int evergreen_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  if (!started()) return real.pthread_mutex_unlock(mutex);
  return unlock_mutex(mutex);
}

SHIM int __pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept { return pthread_mutex_unlock(mutex); }
