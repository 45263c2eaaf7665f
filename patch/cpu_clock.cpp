// CPU-time clocks of threads: CLOCK_THREAD_CPUTIME_ID and what pthread_getcpuclockid gives. The kernel's are those of
// its own threads.

#include <time.h>

#include "greenlet/tls_block.h"
#include "hub/core/cpu_time.h"
#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/thread_id.h"

namespace evergreen::patch {
namespace {

// As the kernel makes a thread's clock of its id.
constexpr unsigned of_thread = 6, kind_bits = 3;

constexpr clockid_t clock_of(pid_t id) noexcept {
  return static_cast<clockid_t>(~static_cast<unsigned>(id) << kind_bits | of_thread);
}

constexpr bool is_made_up_clock(clockid_t clock) noexcept {
  return clock < 0 && (clock & 7) == of_thread && is_made_up(~(clock >> kind_bits));
}

timespec as_time(std::int64_t nanoseconds) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  return {nanoseconds / second, nanoseconds % second};
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// The kernel's answer comes first: it says EFAULT.
SHIM int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const bool is_own = clock == CLOCK_THREAD_CPUTIME_ID;
  if ((!is_own && !is_made_up_clock(clock)) || !on_greenlet()) return real.clock_gettime(clock, time);
  core::HubGreenlet* thread = is_own ? core::current : greenlet_of(~(clock >> kind_bits));
  if (thread == nullptr) return real.clock_gettime(clock, time);
  if (real.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time) != 0) return -1;
  *time = as_time(thread == core::current ? core::own_cpu_time(*thread) : core::cpu_time_of(*thread));
  return 0;
}

SHIM int pthread_getcpuclockid(pthread_t handle, clockid_t* clock) noexcept {
  const Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_getcpuclockid(handle, clock);
  if (thread->has_ended()) return ESRCH;
  core::cpu_time_is_counted = true;
  *clock = clock_of(thread == &main_thread() ? getpid() : thread_id_of(handle));
  return 0;
}
