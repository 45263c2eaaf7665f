// Affinity, policy and nice value of a greenlet. The kernel keeps them for its own threads, and those drive any
// greenlet: what one asks for itself must not befall the others. So to set them is checked and has no effect; to ask
// tells what holds for the kernel thread that drives the caller. What would favour a greenlet is refused, as it is to
// any program without privileges; what would only hold it back is granted. The main thread sets its kernel thread's.

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/thread_id.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

using Cpus = std::array<unsigned char, 1024>;  // a bit each

// 0, or what setting that affinity must fail with: as the kernel, a mask needs a CPU that is allowed. It reads no more
// of it than it knows CPUs.
int check_affinity(std::size_t size, const cpu_set_t* mask) noexcept {
  Cpus allowed{}, wanted{};
  const int saved = errno;
  const long known = real.syscall(SYS_sched_getaffinity, 0L, allowed.size(), allowed.data());
  const int error = known >= 0 ? EINVAL : errno;
  errno = saved;
  size = std::min(size, static_cast<std::size_t>(std::max(known, 0L)));
  if (size != 0 && !is_readable(mask, size)) return EFAULT;
  std::memcpy(wanted.data(), mask, size);
  for (std::size_t i = 0; i < size; ++i) {
    if ((allowed[i] & wanted[i]) != 0) return 0;
  }
  return error;
}

int check_policy(int policy, const sched_param* parameters) noexcept {
  if (parameters == nullptr || policy < 0) return EINVAL;
  if (!is_readable(parameters, sizeof *parameters)) return EFAULT;
  policy &= ~SCHED_RESET_ON_FORK;
  const int saved = errno, least = sched_get_priority_min(policy), most = sched_get_priority_max(policy);
  errno = saved;
  if (least < 0 || parameters->sched_priority < least || parameters->sched_priority > most) return EINVAL;
  return most == 0 && policy != SCHED_DEADLINE ? 0 : EPERM;  // the others are realtime policies
}

int check_parameters(const sched_param* parameters) noexcept {
  return check_policy(real.sched_getscheduler(0), parameters);
}

// As a call that returns -1.
int answer(int error) noexcept { return error == 0 ? 0 : fail(error); }

// A greenlet but the main one, whose kernel thread libc knows.
bool is_greenlet(pthread_t handle) noexcept {
  const Thread* thread = started() ? Thread::find(handle) : nullptr;
  return thread != nullptr && thread != &main_thread();
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int sched_getaffinity(pid_t id, size_t size, cpu_set_t* mask) noexcept {
  return real.sched_getaffinity(id_to_ask_about(id), size, mask);
}

SHIM int sched_setaffinity(pid_t id, size_t size, const cpu_set_t* mask) noexcept {
  return is_of_greenlet(id) ? answer(check_affinity(size, mask)) : real.sched_setaffinity(id, size, mask);
}

SHIM int sched_getscheduler(pid_t id) noexcept { return real.sched_getscheduler(id_to_ask_about(id)); }

SHIM int __sched_getscheduler(pid_t id) noexcept { return sched_getscheduler(id); }

SHIM int sched_setscheduler(pid_t id, int policy, const sched_param* parameters) noexcept {
  return is_of_greenlet(id) ? answer(check_policy(policy, parameters))
                            : real.sched_setscheduler(id, policy, parameters);
}

SHIM int __sched_setscheduler(pid_t id, int policy, const sched_param* parameters) noexcept {
  return sched_setscheduler(id, policy, parameters);
}

SHIM int sched_getparam(pid_t id, sched_param* parameters) noexcept {
  return real.sched_getparam(id_to_ask_about(id), parameters);
}

SHIM int __sched_getparam(pid_t id, sched_param* parameters) noexcept { return sched_getparam(id, parameters); }

SHIM int sched_setparam(pid_t id, const sched_param* parameters) noexcept {
  return is_of_greenlet(id) ? answer(check_parameters(parameters)) : real.sched_setparam(id, parameters);
}

SHIM int sched_rr_get_interval(pid_t id, timespec* interval) noexcept {
  return real.sched_rr_get_interval(id_to_ask_about(id), interval);
}

SHIM int getpriority(__priority_which_t which, id_t who) noexcept {
  const bool thread = which == PRIO_PROCESS;
  return real.getpriority(which, thread ? static_cast<id_t>(id_to_ask_about(static_cast<pid_t>(who))) : who);
}

SHIM int setpriority(__priority_which_t which, id_t who, int value) noexcept {
  if (which != PRIO_PROCESS || !is_of_greenlet(static_cast<pid_t>(who))) return real.setpriority(which, who, value);
  constexpr int most_favoured = -20;
  return std::max(value, most_favoured) < real.getpriority(PRIO_PROCESS, 0) ? fail(EACCES) : 0;
}

SHIM int pthread_getaffinity_np(pthread_t handle, size_t size, cpu_set_t* mask) noexcept {
  if (!is_greenlet(handle)) return real.pthread_getaffinity_np(handle, size, mask);
  const KeepErrno keep;
  const int error = real.sched_getaffinity(0, size, mask) == 0 ? 0 : errno;
  keep(0);
  return error;
}

SHIM int pthread_setaffinity_np(pthread_t handle, size_t size, const cpu_set_t* mask) noexcept {
  return is_greenlet(handle) ? check_affinity(size, mask) : real.pthread_setaffinity_np(handle, size, mask);
}

SHIM int pthread_getschedparam(pthread_t handle, int* policy, sched_param* parameters) noexcept {
  if (!is_greenlet(handle)) return real.pthread_getschedparam(handle, policy, parameters);
  *policy = real.sched_getscheduler(0);
  real.sched_getparam(0, parameters);
  return 0;
}

SHIM int pthread_setschedparam(pthread_t handle, int policy, const sched_param* parameters) noexcept {
  return is_greenlet(handle) ? check_policy(policy, parameters)
                             : real.pthread_setschedparam(handle, policy, parameters);
}

SHIM int pthread_setschedprio(pthread_t handle, int priority) noexcept {
  if (!is_greenlet(handle)) return real.pthread_setschedprio(handle, priority);
  sched_param parameters{};
  parameters.sched_priority = priority;
  return check_parameters(&parameters);
}
