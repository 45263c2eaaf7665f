#include "patch/mutex.h"

#include "greenlet/tls_block.h"
#include "patch/clock.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// pthread_mutex_t::__data.__kind, whose low bits are the type.
constexpr int type_mask = 3, process_shared_bit = 128;

bool is_shared(const pthread_mutex_t& mutex) noexcept { return (mutex.__data.__kind & process_shared_bit) != 0; }

// trylock says EBUSY where lock must say EDEADLK.
bool is_self_deadlock(const pthread_mutex_t& mutex) noexcept {
  return (mutex.__data.__kind & type_mask) == PTHREAD_MUTEX_ERRORCHECK && mutex.__data.__owner == thread_id();
}

}  // namespace

int lock_mutex(pthread_mutex_t* mutex, const char* why, Deadline deadline) noexcept {
  let_beaten_go_first(mutex);
  const int result = pthread_mutex_trylock(mutex);
  if (result != EBUSY) return result;
  if (is_self_deadlock(*mutex)) return EDEADLK;
  return try_then_park(mutex, Sleeper::Kind::lock, is_shared(*mutex), why, deadline,
                       [mutex] { return pthread_mutex_trylock(mutex); });
}

int unlock_mutex(pthread_mutex_t* mutex) noexcept {
  const int result = real.pthread_mutex_unlock(mutex);
  if (result == 0) wake(mutex, 1);
  return result;
}

namespace {

int lock_until(pthread_mutex_t* mutex, clockid_t clock, const timespec* until, const char* why) noexcept {
  const int result = pthread_mutex_trylock(mutex);
  if (result != EBUSY) return result;
  if (!is_valid(*until)) return EINVAL;
  return lock_mutex(mutex, why, deadline_on(clock, *until));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (!parks()) return real.pthread_mutex_lock(mutex);
  return lock_mutex(mutex, "pthread_mutex_lock", Deadline::never());
}

SHIM int __pthread_mutex_lock(pthread_mutex_t* mutex) noexcept { return pthread_mutex_lock(mutex); }

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
  if (!parks()) return real.pthread_mutex_timedlock(mutex, until);
  return lock_until(mutex, CLOCK_REALTIME, until, "pthread_mutex_timedlock");
}

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) noexcept {
  const bool known = is_lock_clock(clock);
  if (!parks() || !known) return real.pthread_mutex_clocklock(mutex, clock, until);
  return lock_until(mutex, clock, until, "pthread_mutex_clocklock");
}

SHIM int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  if (!started()) return real.pthread_mutex_unlock(mutex);
  return unlock_mutex(mutex);
}

SHIM int __pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept { return pthread_mutex_unlock(mutex); }
