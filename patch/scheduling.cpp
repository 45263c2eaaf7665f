// Affinity, policy and nice value of a greenlet. The kernel keeps them for its own threads, and those drive any
// greenlet: what one asks for itself must not befall the others. So what is set is checked, noted, told when asked for,
// inherited, and has no effect. What nobody has set is what holds for the kernel thread that drives the caller. What
// would favour a greenlet is refused, as it is to any program without privileges; what would only hold it back is
// granted. The main thread sets its kernel thread's.

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "patch/raw_calls.h"
#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/thread_id.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

using Cpus = std::array<unsigned char, 1024>;  // a bit each
static_assert(sizeof(cpu_set_t) <= sizeof(Cpus));

// 0, or what setting that affinity must fail with: as the kernel, a mask needs a CPU that is allowed. It reads no more
// of it than it knows CPUs. `usable` becomes what is left of it.
int check_affinity(std::size_t size, const cpu_set_t* mask, cpu_set_t& usable) noexcept {
  Cpus allowed{}, wanted{};
  const int saved = errno;
  const long known = real.syscall(SYS_sched_getaffinity, 0L, allowed.size(), allowed.data());
  const int error = known >= 0 ? EINVAL : errno;
  errno = saved;
  size = std::min(size, static_cast<std::size_t>(std::max(known, 0L)));
  if (size != 0 && !is_readable(mask, size)) return EFAULT;
  std::memcpy(wanted.data(), mask, size);
  bool any = false;
  for (std::size_t i = 0; i < size; ++i) {
    wanted[i] &= allowed[i];
    any = any || wanted[i] != 0;
  }
  std::memcpy(&usable, wanted.data(), sizeof usable);
  return any ? 0 : error;
}

int set_affinity(Scheduling& of, std::size_t size, const cpu_set_t* mask) noexcept {
  cpu_set_t usable;
  const int error = check_affinity(size, mask, usable);
  if (error != 0) return error;
  of.cpus = usable;
  of.has_cpus = true;
  return 0;
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

int set_policy(Scheduling& of, int policy, const sched_param* parameters) noexcept {
  const int error = check_policy(policy, parameters);
  if (error != 0) return error;
  of.policy = policy;
  of.priority = parameters->sched_priority;
  of.has_policy = true;
  return 0;
}

int policy_of(const Scheduling& of) noexcept { return of.has_policy ? of.policy : real.sched_getscheduler(0); }

// As a call that returns -1.
int answer(int error) noexcept { return error == 0 ? 0 : fail(error); }

// A greenlet but the main one, whose kernel thread libc knows.
Thread* greenlet(pthread_t handle) noexcept {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  return thread != &main_thread() ? thread : nullptr;
}

// The same by its id, for which 0 is the caller.
Scheduling* of_greenlet(pid_t id) noexcept {
  Thread* thread = greenlet_of(id);
  return thread == nullptr ? nullptr : &thread->scheduling();
}

// What libc answers of a thread that has ended: of one that nobody has joined yet, too.
bool is_gone(pthread_t handle) noexcept {
  const Thread* thread = greenlet(handle);
  return thread == nullptr ? started() && Thread::was_ours(handle) : thread->has_ended();
}

}  // namespace

int read_scheduling(const pthread_attr_t& attributes, Birth& birth) noexcept {
  Cpus cpus;
  int inherits = PTHREAD_INHERIT_SCHED, policy = SCHED_OTHER;
  sched_param parameters{};
  pthread_attr_getaffinity_np(&attributes, cpus.size(), reinterpret_cast<cpu_set_t*>(cpus.data()));
  const bool all = std::all_of(cpus.begin(), cpus.end(), [](unsigned char byte) { return byte == 0xff; });
  const int error = all ? 0 : set_affinity(birth.scheduling, cpus.size(), reinterpret_cast<cpu_set_t*>(cpus.data()));
  pthread_attr_getinheritsched(&attributes, &inherits);
  birth.explicit_scheduling = inherits == PTHREAD_EXPLICIT_SCHED;
  if (error != 0 || !birth.explicit_scheduling) return error;
  pthread_attr_getschedpolicy(&attributes, &policy);
  pthread_attr_getschedparam(&attributes, &parameters);
  return set_policy(birth.scheduling, policy, &parameters);
}

// The kernel's own answer says how many bytes it knows.
long raw_sched_getaffinity(Arguments given) noexcept {
  const long known = with_kernel_id<SYS_sched_getaffinity, 0, id_to_ask_about>(given);
  const Scheduling* scheduling = of_greenlet(static_cast<pid_t>(given[0]));
  if (known > 0 && scheduling != nullptr && scheduling->has_cpus) {
    std::memcpy(argument<void*>(given[2]), &scheduling->cpus,
                std::min(static_cast<std::size_t>(known), sizeof scheduling->cpus));
  }
  return known;
}

// The kernel gives 20 less the nice value.
long raw_getpriority(Arguments given) noexcept {
  if (static_cast<int>(given[0]) != PRIO_PROCESS) return ask_kernel(SYS_getpriority, given);
  const Scheduling* scheduling = of_greenlet(static_cast<pid_t>(given[1]));
  if (scheduling != nullptr && scheduling->has_nice) return 20 - scheduling->nice;
  return with_kernel_id<SYS_getpriority, 1, id_to_ask_about>(given);
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int sched_getaffinity(pid_t id, size_t size, cpu_set_t* mask) noexcept {
  const int result = real.sched_getaffinity(id_to_ask_about(id), size, mask);
  const Scheduling* scheduling = of_greenlet(id);
  if (result == 0 && scheduling != nullptr && scheduling->has_cpus) {
    std::memcpy(mask, &scheduling->cpus, std::min(size, sizeof scheduling->cpus));
  }
  return result;
}

SHIM int sched_setaffinity(pid_t id, size_t size, const cpu_set_t* mask) noexcept {
  Scheduling* scheduling = of_greenlet(id);
  return scheduling != nullptr ? answer(set_affinity(*scheduling, size, mask)) : real.sched_setaffinity(id, size, mask);
}

SHIM int sched_getscheduler(pid_t id) noexcept {
  const Scheduling* scheduling = of_greenlet(id);
  return scheduling != nullptr ? policy_of(*scheduling) : real.sched_getscheduler(id);
}

SHIM int __sched_getscheduler(pid_t id) noexcept { return sched_getscheduler(id); }

SHIM int sched_setscheduler(pid_t id, int policy, const sched_param* parameters) noexcept {
  Scheduling* scheduling = of_greenlet(id);
  return scheduling != nullptr ? answer(set_policy(*scheduling, policy, parameters))
                               : real.sched_setscheduler(id, policy, parameters);
}

SHIM int __sched_setscheduler(pid_t id, int policy, const sched_param* parameters) noexcept {
  return sched_setscheduler(id, policy, parameters);
}

// The priority is 0 with every policy that is granted.
SHIM int sched_getparam(pid_t id, sched_param* parameters) noexcept {
  return real.sched_getparam(id_to_ask_about(id), parameters);
}

SHIM int __sched_getparam(pid_t id, sched_param* parameters) noexcept { return sched_getparam(id, parameters); }

SHIM int sched_setparam(pid_t id, const sched_param* parameters) noexcept {
  Scheduling* scheduling = of_greenlet(id);
  return scheduling != nullptr ? answer(check_policy(policy_of(*scheduling), parameters))
                               : real.sched_setparam(id, parameters);
}

SHIM int sched_rr_get_interval(pid_t id, timespec* interval) noexcept {
  return real.sched_rr_get_interval(id_to_ask_about(id), interval);
}

SHIM int getpriority(__priority_which_t which, id_t who) noexcept {
  if (which != PRIO_PROCESS) return real.getpriority(which, who);
  const Scheduling* scheduling = of_greenlet(static_cast<pid_t>(who));
  if (scheduling != nullptr && scheduling->has_nice) return scheduling->nice;
  return real.getpriority(which, static_cast<id_t>(id_to_ask_about(static_cast<pid_t>(who))));
}

SHIM int setpriority(__priority_which_t which, id_t who, int value) noexcept {
  Scheduling* scheduling = which == PRIO_PROCESS ? of_greenlet(static_cast<pid_t>(who)) : nullptr;
  if (scheduling == nullptr) return real.setpriority(which, who, value);
  constexpr int most_favoured = -20, least_favoured = 19;
  value = std::clamp(value, most_favoured, least_favoured);
  if (value < getpriority(which, who)) return fail(EACCES);
  scheduling->nice = value;
  scheduling->has_nice = true;
  return 0;
}

SHIM int pthread_getaffinity_np(pthread_t handle, size_t size, cpu_set_t* mask) noexcept {
  const Thread* thread = greenlet(handle);
  if (thread == nullptr) return is_gone(handle) ? ESRCH : real.pthread_getaffinity_np(handle, size, mask);
  const KeepErrno keep;
  const int error = real.sched_getaffinity(0, size, mask) == 0 ? 0 : errno;
  const Scheduling& scheduling = thread->birth().scheduling;
  if (error == 0 && scheduling.has_cpus) std::memcpy(mask, &scheduling.cpus, std::min(size, sizeof scheduling.cpus));
  keep(0);
  return error;
}

SHIM int pthread_setaffinity_np(pthread_t handle, size_t size, const cpu_set_t* mask) noexcept {
  Thread* thread = greenlet(handle);
  if (thread == nullptr) return is_gone(handle) ? ESRCH : real.pthread_setaffinity_np(handle, size, mask);
  return set_affinity(thread->scheduling(), size, mask);
}

SHIM int pthread_getschedparam(pthread_t handle, int* policy, sched_param* parameters) noexcept {
  if (is_gone(handle)) return ESRCH;
  const Thread* thread = greenlet(handle);
  if (thread == nullptr) return real.pthread_getschedparam(handle, policy, parameters);
  *policy = policy_of(thread->birth().scheduling);
  real.sched_getparam(0, parameters);
  return 0;
}

SHIM int pthread_setschedparam(pthread_t handle, int policy, const sched_param* parameters) noexcept {
  if (is_gone(handle)) return ESRCH;
  Thread* thread = greenlet(handle);
  return thread != nullptr ? set_policy(thread->scheduling(), policy, parameters)
                           : real.pthread_setschedparam(handle, policy, parameters);
}

SHIM int pthread_setschedprio(pthread_t handle, int priority) noexcept {
  if (is_gone(handle)) return ESRCH;
  const Thread* thread = greenlet(handle);
  if (thread == nullptr) return real.pthread_setschedprio(handle, priority);
  sched_param parameters{};
  parameters.sched_priority = priority;
  return check_policy(policy_of(thread->birth().scheduling), &parameters);
}
