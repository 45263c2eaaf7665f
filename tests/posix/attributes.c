// Objects of thread attributes: pthread_attr_init and what it sets, POSIX.1-2017 and the Linux man pages.
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "tests/posix/holds.h"

static pthread_attr_t attributes;

static bool init(void) { return pthread_attr_init(&attributes) == 0; }

CASE(initial_values) {
  int state = -1, scope = -1, inherits = -1, policy = -1;
  struct sched_param parameters = {7};
  size_t guard = 0, size = 0;
  HOLDS(pthread_attr_init, "returns 0", init());
  pthread_attr_getdetachstate(&attributes, &state);
  HOLDS(pthread_attr_init, "the detach state is joinable", state == PTHREAD_CREATE_JOINABLE);
  pthread_attr_getguardsize(&attributes, &guard);
  HOLDS(pthread_attr_init, "the guard is a page", guard == (size_t)getpagesize());
  pthread_attr_getstacksize(&attributes, &size);
  HOLDS(pthread_attr_init, "the stack size is at least PTHREAD_STACK_MIN", size >= (size_t)PTHREAD_STACK_MIN);
  pthread_attr_getscope(&attributes, &scope);
  HOLDS(pthread_attr_init, "the contention scope is the system", scope == PTHREAD_SCOPE_SYSTEM);
  pthread_attr_getinheritsched(&attributes, &inherits);
  HOLDS(pthread_attr_init, "scheduling is inherited", inherits == PTHREAD_INHERIT_SCHED);
  pthread_attr_getschedpolicy(&attributes, &policy);
  HOLDS(pthread_attr_init, "the policy is SCHED_OTHER", policy == SCHED_OTHER);
  pthread_attr_getschedparam(&attributes, &parameters);
  HOLDS(pthread_attr_init, "the priority is 0", parameters.sched_priority == 0);
  HOLDS(pthread_attr_destroy, "returns 0", pthread_attr_destroy(&attributes) == 0);
  HOLDS(pthread_attr_init, "initializes a destroyed object anew", init());
}

CASE(detach_state) {
  int state = -1;
  init();
  HOLDS(pthread_attr_setdetachstate, "takes PTHREAD_CREATE_DETACHED",
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
  HOLDS(pthread_attr_getdetachstate, "gives what was set",
        pthread_attr_getdetachstate(&attributes, &state) == 0 && state == PTHREAD_CREATE_DETACHED);
  HOLDS(pthread_attr_setdetachstate, "EINVAL for another value",
        pthread_attr_setdetachstate(&attributes, 99) == EINVAL);
  pthread_attr_getdetachstate(&attributes, &state);
  HOLDS(pthread_attr_setdetachstate, "a refused value changes nothing", state == PTHREAD_CREATE_DETACHED);
}

CASE(stack_size) {
  size_t size = 0;
  init();
  HOLDS(pthread_attr_setstacksize, "EINVAL below PTHREAD_STACK_MIN",
        pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN - 1) == EINVAL);
  HOLDS(pthread_attr_setstacksize, "takes PTHREAD_STACK_MIN",
        pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
  HOLDS(pthread_attr_getstacksize, "gives what was set",
        pthread_attr_getstacksize(&attributes, &size) == 0 && size == (size_t)PTHREAD_STACK_MIN);
  HOLDS(pthread_attr_setstacksize, "takes a size that is no multiple of a page",
        pthread_attr_setstacksize(&attributes, 100001) == 0);
}

CASE(guard_size) {
  size_t guard = 1;
  init();
  HOLDS(pthread_attr_setguardsize, "takes 0", pthread_attr_setguardsize(&attributes, 0) == 0);
  HOLDS(pthread_attr_getguardsize, "gives 0 then", pthread_attr_getguardsize(&attributes, &guard) == 0 && guard == 0);
  pthread_attr_setguardsize(&attributes, 5);
  pthread_attr_getguardsize(&attributes, &guard);
  HOLDS(pthread_attr_getguardsize, "gives the size as it was set, not rounded", guard == 5);
}

CASE(stack) {
  static char memory[65536] __attribute__((aligned(4096)));
  void* low = NULL;
  size_t size = 0;
  init();
  HOLDS(pthread_attr_setstack, "EINVAL below PTHREAD_STACK_MIN",
        pthread_attr_setstack(&attributes, memory, PTHREAD_STACK_MIN - 1) == EINVAL);
  HOLDS(pthread_attr_setstack, "takes the program's memory",
        pthread_attr_setstack(&attributes, memory, sizeof memory) == 0);
  HOLDS(pthread_attr_getstack, "gives the lowest byte and the size",
        pthread_attr_getstack(&attributes, &low, &size) == 0 && low == memory && size == sizeof memory);
  size = 0;
  pthread_attr_getstacksize(&attributes, &size);
  HOLDS(pthread_attr_getstacksize, "gives the size of the program's stack, too", size == sizeof memory);
}

CASE(scheduling) {
  struct sched_param parameters = {0};
  int value = -1;
  init();
  HOLDS(pthread_attr_setinheritsched, "takes PTHREAD_EXPLICIT_SCHED",
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED) == 0);
  HOLDS(pthread_attr_getinheritsched, "gives what was set",
        pthread_attr_getinheritsched(&attributes, &value) == 0 && value == PTHREAD_EXPLICIT_SCHED);
  HOLDS(pthread_attr_setinheritsched, "EINVAL for another value",
        pthread_attr_setinheritsched(&attributes, 99) == EINVAL);
  HOLDS(pthread_attr_setschedpolicy, "takes SCHED_FIFO", pthread_attr_setschedpolicy(&attributes, SCHED_FIFO) == 0);
  HOLDS(pthread_attr_getschedpolicy, "gives what was set",
        pthread_attr_getschedpolicy(&attributes, &value) == 0 && value == SCHED_FIFO);
  HOLDS(pthread_attr_setschedpolicy, "takes SCHED_RR", pthread_attr_setschedpolicy(&attributes, SCHED_RR) == 0);
  HOLDS(pthread_attr_setschedpolicy, "EINVAL for an unknown policy",
        pthread_attr_setschedpolicy(&attributes, 99) == EINVAL);
  parameters.sched_priority = sched_get_priority_max(SCHED_RR);
  HOLDS(pthread_attr_setschedparam, "takes a priority of the policy's",
        pthread_attr_setschedparam(&attributes, &parameters) == 0);
  parameters.sched_priority = 0;
  pthread_attr_getschedparam(&attributes, &parameters);
  HOLDS(pthread_attr_getschedparam, "gives what was set",
        parameters.sched_priority == sched_get_priority_max(SCHED_RR));
  parameters.sched_priority++;
  HOLDS(pthread_attr_setschedparam, "EINVAL for a priority that the policy has not",
        pthread_attr_setschedparam(&attributes, &parameters) == EINVAL);
  HOLDS(pthread_attr_setscope, "takes PTHREAD_SCOPE_SYSTEM",
        pthread_attr_setscope(&attributes, PTHREAD_SCOPE_SYSTEM) == 0);
  HOLDS(pthread_attr_setscope, "ENOTSUP for PTHREAD_SCOPE_PROCESS on Linux",
        pthread_attr_setscope(&attributes, PTHREAD_SCOPE_PROCESS) == ENOTSUP);
  HOLDS(pthread_attr_setscope, "EINVAL for another value", pthread_attr_setscope(&attributes, 99) == EINVAL);
}

CASE(affinity) {
  cpu_set_t one, got;
  CPU_ZERO(&one);
  CPU_SET(3, &one);
  init();
  pthread_attr_getaffinity_np(&attributes, sizeof got, &got);
  HOLDS(pthread_attr_getaffinity_np, "all CPUs where nothing was set", CPU_COUNT(&got) == CPU_SETSIZE);
  HOLDS(pthread_attr_setaffinity_np, "returns 0", pthread_attr_setaffinity_np(&attributes, sizeof one, &one) == 0);
  HOLDS(pthread_attr_getaffinity_np, "gives what was set",
        pthread_attr_getaffinity_np(&attributes, sizeof got, &got) == 0 && CPU_EQUAL(&got, &one));
  HOLDS(pthread_attr_getaffinity_np, "EINVAL where the mask is too small for the CPUs that are set",
        pthread_attr_getaffinity_np(&attributes, 0, &got) == EINVAL);
  HOLDS(pthread_attr_destroy, "takes an object with a mask", pthread_attr_destroy(&attributes) == 0);
}

CASE(signal_mask) {
  sigset_t mask, got;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  init();
  HOLDS(pthread_attr_getsigmask_np, "PTHREAD_ATTR_NO_SIGMASK_NP where nothing was set",
        pthread_attr_getsigmask_np(&attributes, &got) == PTHREAD_ATTR_NO_SIGMASK_NP);
  HOLDS(pthread_attr_setsigmask_np, "returns 0", pthread_attr_setsigmask_np(&attributes, &mask) == 0);
  HOLDS(pthread_attr_getsigmask_np, "gives what was set",
        pthread_attr_getsigmask_np(&attributes, &got) == 0 && sigismember(&got, SIGUSR1) == 1 &&
            sigismember(&got, SIGUSR2) == 0);
  HOLDS(pthread_attr_setsigmask_np, "takes no mask, to inherit again",
        pthread_attr_setsigmask_np(&attributes, NULL) == 0);
  HOLDS(pthread_attr_getsigmask_np, "PTHREAD_ATTR_NO_SIGMASK_NP then",
        pthread_attr_getsigmask_np(&attributes, &got) == PTHREAD_ATTR_NO_SIGMASK_NP);
}

CASE(defaults) {
  static char memory[65536] __attribute__((aligned(4096)));
  size_t size = 0;
  HOLDS(pthread_getattr_default_np, "returns 0", pthread_getattr_default_np(&attributes) == 0);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  HOLDS(pthread_setattr_default_np, "returns 0", pthread_setattr_default_np(&attributes) == 0);
  pthread_attr_destroy(&attributes);
  init();
  pthread_attr_getstacksize(&attributes, &size);
  HOLDS(pthread_setattr_default_np, "the size is that of new objects", size == 1 << 20);
  pthread_attr_setstack(&attributes, memory, sizeof memory);
  HOLDS(pthread_setattr_default_np, "EINVAL where a stack is set", pthread_setattr_default_np(&attributes) == EINVAL);
}
