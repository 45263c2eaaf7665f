// pthread_getattr_np: where a thread's stack is. Java, V8 and garbage collectors ask at the start of each thread.

#include <pthread.h>
#include <sched.h>

#include <array>

#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

// As glibc: the guard below is no part of the stack, the TLS block on top is.
int describe_stack(const Birth& birth, pthread_attr_t* attributes) noexcept {
  const int error = pthread_attr_setstack(attributes, birth.low, birth.size);
  return error != 0 ? error : pthread_attr_setguardsize(attributes, birth.guard);
}

int describe_scheduling(pthread_t handle, const Thread& thread, pthread_attr_t* attributes) noexcept {
  int policy = 0;
  sched_param parameters{};
  std::array<cpu_set_t, 8> cpus{};  // 8,192 CPUs, as many as Linux has
  int error = thread.birth().explicit_scheduling ? pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED) : 0;
  if (error == 0) error = pthread_getschedparam(handle, &policy, &parameters);
  if (error == 0) error = pthread_attr_setschedpolicy(attributes, policy);
  if (error == 0) error = pthread_attr_setschedparam(attributes, &parameters);
  if (error == 0) error = pthread_getaffinity_np(handle, sizeof cpus, cpus.data());
  return error != 0 ? error : pthread_attr_setaffinity_np(attributes, sizeof cpus, cpus.data());
}

int describe(pthread_t handle, const Thread& thread, pthread_attr_t* attributes) noexcept {
  pthread_attr_init(attributes);
  const int state = thread.is_pthread_detached() ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE;
  int error = pthread_attr_setdetachstate(attributes, state);
  if (error == 0) error = describe_stack(thread.birth(), attributes);
  if (error == 0) error = describe_scheduling(handle, thread, attributes);
  if (error != 0) pthread_attr_destroy(attributes);
  return error;
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int pthread_getattr_np(pthread_t handle, pthread_attr_t* attributes) noexcept {
  const Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_getattr_np(handle, attributes);
  if (thread == &main_thread()) return real.pthread_getattr_np(handle, attributes);
  const KeepErrno keep;
  return keep(describe(handle, *thread, attributes));
}
