// What becomes of the attributes of pthread_create, POSIX.1-2017 and the Linux man pages.
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

// What a thread learns of itself.
struct Seen {
  char *low, *high;
  char* local;
  size_t guard;
  int state, inherits, policy, error;
  cpu_set_t cpus;
};

static struct Seen seen;

static void* look(void* argument) {
  pthread_attr_t attributes;
  void* low = NULL;
  size_t size = 0;
  char local = 0;
  seen.local = &local;
  seen.error = pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  seen.low = low;
  seen.high = seen.low + size;
  pthread_attr_getguardsize(&attributes, &seen.guard);
  pthread_attr_getdetachstate(&attributes, &seen.state);
  pthread_attr_getinheritsched(&attributes, &seen.inherits);
  pthread_attr_getschedpolicy(&attributes, &seen.policy);
  pthread_attr_getaffinity_np(&attributes, sizeof seen.cpus, &seen.cpus);
  pthread_attr_destroy(&attributes);
  return argument;
}

static int create_and_join(const pthread_attr_t* attributes) {
  pthread_t thread;
  seen = (struct Seen){.error = -1};
  int error = pthread_create(&thread, attributes, look, NULL);
  if (error == 0) CHECK_EQ(pthread_join(thread, NULL), 0);
  return error;
}

CASE(stack_size) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  HOLDS(pthread_create, "takes no attributes", create_and_join(NULL) == 0);
  HOLDS(pthread_getattr_np, "returns 0", seen.error == 0);
  HOLDS(pthread_getattr_np, "the stack holds the thread's variables", seen.local >= seen.low && seen.local < seen.high);
  size_t size = 0;
  pthread_attr_getstacksize(&attributes, &size);
  HOLDS(pthread_create, "the default size is that of new attributes", (size_t)(seen.high - seen.low) == size);
  HOLDS(pthread_getattr_np, "the default guard is a page", seen.guard == (size_t)getpagesize());
  pthread_attr_setstacksize(&attributes, 300 << 10);
  create_and_join(&attributes);
  HOLDS(pthread_create, "the stack has at least the size of stacksize", seen.high - seen.low >= 300 << 10);
  pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
  create_and_join(&attributes);
  HOLDS(pthread_create, "the stack may be of PTHREAD_STACK_MIN", seen.high - seen.low == PTHREAD_STACK_MIN);
  HOLDS(pthread_getattr_np, "a small stack holds the thread's variables",
        seen.local >= seen.low && seen.local < seen.high);
  pthread_attr_destroy(&attributes);
  HOLDS(pthread_getattr_np, "the thread is joinable", seen.state == PTHREAD_CREATE_JOINABLE);
}

static int below;

// Touches the byte `below` the lowest one, in a child.
static void* touch(void* argument) {
  look(NULL);
  *(volatile char*)(seen.low - below) = 1;
  return argument;
}

static bool survives(size_t guard, int distance) {
  pthread_attr_t attributes;
  pthread_t thread;
  int status = -1;
  below = distance;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    close(STDERR_FILENO);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_attr_setguardsize(&attributes, guard);
    if (pthread_create(&thread, &attributes, touch, NULL) != 0) _exit(2);
    pthread_join(thread, NULL);
    _exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
  return status == 0;
}

CASE(guard) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  HOLDS(pthread_attr_setguardsize, "the lowest byte of the stack can be used", survives(4096, 0));
  HOLDS(pthread_attr_setguardsize, "SIGSEGV just below the stack", !survives(4096, 1));
  HOLDS(pthread_attr_setguardsize, "the guard is as large as was asked for", !survives(256 << 10, 256 << 10));
  HOLDS(pthread_attr_setguardsize, "the lowest byte above a large guard can be used", survives(256 << 10, 0));
  pthread_attr_setguardsize(&attributes, 5);
  create_and_join(&attributes);
  HOLDS(pthread_create, "the guard is rounded up to pages", seen.guard == (size_t)getpagesize());
  pthread_attr_setguardsize(&attributes, 64 << 10);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  create_and_join(&attributes);
  HOLDS(pthread_create, "the guard is no part of the stack size", seen.high - seen.low >= 256 << 10);
  HOLDS(pthread_getattr_np, "gives the guard's size", seen.guard == 64 << 10);
  pthread_attr_setguardsize(&attributes, 0);
  create_and_join(&attributes);
  HOLDS(pthread_getattr_np, "gives 0 where there is no guard", seen.guard == 0);
  pthread_attr_setguardsize(&attributes, SIZE_MAX);
  HOLDS(pthread_create, "EINVAL for a guard that no size holds", create_and_join(&attributes) == EINVAL);
  pthread_attr_setguardsize(&attributes, (size_t)1 << 47);
  HOLDS(pthread_create, "EAGAIN for a guard that the address space does not hold",
        create_and_join(&attributes) == EAGAIN);
}

CASE(own_stack) {
  enum { kSize = 128 << 10 };
  pthread_attr_t attributes;
  char* memory = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_init(&attributes);
  pthread_attr_setguardsize(&attributes, 64 << 10);
  pthread_attr_setstack(&attributes, memory, kSize);
  HOLDS(pthread_attr_setstack, "a thread can be made with it", create_and_join(&attributes) == 0);
  HOLDS(pthread_attr_setstack, "the thread runs on the program's memory",
        seen.local >= memory && seen.local < memory + kSize);
  HOLDS(pthread_getattr_np, "tells the program's memory", seen.low == memory && seen.high == memory + kSize);
  HOLDS(pthread_attr_setguardsize, "is ignored for the program's memory", seen.guard == 0);
  HOLDS(pthread_attr_setstack, "the memory is the program's again after the join",
        create_and_join(&attributes) == 0 && munmap(memory, kSize) == 0);
}

static void* note_end(void* flag) {
  set_flag(flag);
  return NULL;
}

CASE(detached) {
  static int ended;
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  HOLDS(pthread_create, "takes PTHREAD_CREATE_DETACHED", pthread_create(&thread, &attributes, note_end, &ended) == 0);
  await_flag(&ended);
  HOLDS(pthread_attr_destroy, "does not concern threads that were made with it",
        pthread_attr_destroy(&attributes) == 0);
}

CASE(scheduling) {
  pthread_attr_t attributes;
  struct sched_param parameters = {5};
  pthread_attr_init(&attributes);
  create_and_join(&attributes);
  HOLDS(pthread_getattr_np, "scheduling is inherited", seen.inherits == PTHREAD_INHERIT_SCHED);
  pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  HOLDS(pthread_create, "takes an explicit SCHED_OTHER", create_and_join(&attributes) == 0);
  HOLDS(pthread_getattr_np, "scheduling is explicit",
        seen.inherits == PTHREAD_EXPLICIT_SCHED && seen.policy == SCHED_OTHER);
  pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
  HOLDS(pthread_create, "EINVAL for SCHED_FIFO with priority 0", create_and_join(&attributes) == EINVAL);
  pthread_attr_setinheritsched(&attributes, PTHREAD_INHERIT_SCHED);
  pthread_attr_setschedparam(&attributes, &parameters);
  HOLDS(pthread_create, "an explicit policy does not count where it is inherited",
        create_and_join(&attributes) == 0 && seen.policy == SCHED_OTHER);
  // Without privileges, as which other programs run.
  int status = -1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    setrlimit(RLIMIT_RTPRIO, &(struct rlimit){0, 0});
    if (getuid() == 0 && setuid(65534) != 0) _exit(99);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    _exit(create_and_join(&attributes));
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  HOLDS(pthread_create, "EPERM for SCHED_FIFO without the privilege",
        WIFEXITED(status) && WEXITSTATUS(status) == EPERM);
}

CASE(affinity) {
  cpu_set_t cpus, one;
  pthread_attr_t attributes;
  int cpu = 0;
  pthread_attr_init(&attributes);
  CPU_ZERO(&cpus);
  pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
  HOLDS(pthread_attr_setaffinity_np, "pthread_create refuses an empty mask", create_and_join(&attributes) == EINVAL);
  CHECK_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
  while (!CPU_ISSET(cpu, &cpus)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
  HOLDS(pthread_attr_setaffinity_np, "the thread has that affinity",
        create_and_join(&attributes) == 0 && CPU_EQUAL(&seen.cpus, &one));
  create_and_join(NULL);
  HOLDS(pthread_create, "a thread without it has its maker's affinity", CPU_EQUAL(&seen.cpus, &cpus));
}

CASE(defaults) {
  pthread_attr_t attributes;
  pthread_getattr_default_np(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_attr_setguardsize(&attributes, 8192);
  pthread_setattr_default_np(&attributes);
  create_and_join(NULL);
  HOLDS(pthread_setattr_default_np, "threads without attributes get that stack", seen.high - seen.low == 1 << 20);
  HOLDS(pthread_setattr_default_np, "threads without attributes get that guard", seen.guard == 8192);
  pthread_attr_setstacksize(&attributes, 2 << 20);
  create_and_join(&attributes);
  HOLDS(pthread_setattr_default_np, "other attributes go first", seen.high - seen.low >= 2 << 20);
}
