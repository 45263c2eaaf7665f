// pthread_join and its kin.

#include "patch/clock.h"
#include "patch/offload.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

int join_until(Thread& thread, void** result, clockid_t clock, const timespec* until, const char* why) {
  // An invalid one libc's wait refuses, and libc tries again until the thread has ended.
  if (until == nullptr || (until->tv_sec >= 0 && !is_valid(*until))) return thread.join(result, why, Deadline::never());
  return thread.join(result, why, deadline_on(clock, *until));
}

// Which may take long.
int join_kernel_thread(pthread_t handle, void** result) {
  if (!on_greenlet()) return real.pthread_join(handle, result);
  const int error = real.pthread_tryjoin_np(handle, result);
  return error != EBUSY ? error : offloaded([=] { return real.pthread_join(handle, result); });
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks until the thread has ended. Cancellation point. Restarts after a signal.
SHIM int pthread_join(pthread_t handle, void** result) {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : join_kernel_thread(handle, result);
  return thread->join(result, "pthread_join", Deadline::never());
}

SHIM int pthread_tryjoin_np(pthread_t handle, void** result) noexcept {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_tryjoin_np(handle, result);
  return thread->try_join(result);
}

// Parks until the thread has ended. Cancellation point. Restarts after a signal.
SHIM int pthread_timedjoin_np(pthread_t handle, void** result, const timespec* until) {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_timedjoin_np(handle, result, until);
  return join_until(*thread, result, CLOCK_REALTIME, until, "pthread_timedjoin_np");
}

// Parks until the thread has ended. Cancellation point. Restarts after a signal.
SHIM int pthread_clockjoin_np(pthread_t handle, void** result, clockid_t clock, const timespec* until) {
  const bool known = is_lock_clock(clock);
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr && Thread::was_ours(handle)) return ESRCH;
  if (thread == nullptr || !known) return real.pthread_clockjoin_np(handle, result, clock, until);
  return join_until(*thread, result, clock, until, "pthread_clockjoin_np");
}
