// gettid, and the calls that take such an id.
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/case.h"

enum { kThreads = 8 };

static pid_t ids[kThreads];
static int may_end;

// Stays the same over waits, and over a call after which another kernel thread may drive it.
static void* note_id(void* argument) {
  pid_t* id = argument;
  *id = gettid();
  CHECK_EQ(syscall(SYS_gettid), *id);
  for (int i = 0; i < 20; i++) {
    usleep(500);
    for (volatile int spin = 0; spin < 200000; spin++) continue;
    CHECK_EQ(gettid(), *id);
    CHECK_EQ(syscall(SYS_gettid), *id);
  }
  await_flag(&may_end);
  return NULL;
}

CASE(gettid) {
  pthread_t threads[kThreads];
  may_end = 0;
  CHECK_EQ(gettid(), getpid());
  for (int i = 0; i < kThreads; i++) threads[i] = start(note_id, &ids[i]);
  while (ids[kThreads - 1] == 0) sched_yield();
  usleep(1000);
  CHECK_EQ(gettid(), getpid());
  CHECK_EQ(syscall(SYS_gettid), getpid());
  set_flag(&may_end);
  join_all(threads, kThreads);
  for (int i = 0; i < kThreads; i++) {
    CHECK(ids[i] > 0 && ids[i] != getpid());
    for (int j = 0; j < i; j++) CHECK(ids[i] != ids[j]);
  }
}

static void* fork_and_compare(void* argument) {
  int status = -1;
  pid_t child = fork();
  if (child == 0) _exit(gettid() == getpid() && syscall(SYS_gettid) == getpid() ? 0 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  return argument;
}

CASE(in_a_forked_child) {
  join(start(fork_and_compare, NULL));
  fork_and_compare(NULL);
  int status = -1;
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) _exit(syscall(SYS_gettid) == syscall(SYS_getpid) ? 0 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

static volatile sig_atomic_t handled;

static void count(int signal) {
  (void)signal;
  handled++;
}

static void* signal_itself(void* argument) {
  const int before = handled;
  CHECK_EQ(tgkill(getpid(), gettid(), SIGUSR1), 0);
  CHECK_EQ(handled, before + 1);
  CHECK_EQ(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1), 0);
  CHECK_EQ(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1), 0);
  CHECK_EQ(handled, before + 3);
  siginfo_t info = {.si_code = SI_QUEUE};
  CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info), 0);
  CHECK_EQ(handled, before + 4);
  CHECK_FAILS(tgkill(getpid(), gettid(), 999), EINVAL);
  return argument;
}

CASE(tgkill) {
  CHECK(signal(SIGUSR1, count) != SIG_ERR);
  signal_itself(NULL);
  join(start(signal_itself, NULL));
}

static void check_affinity_of(pid_t id, pthread_t thread) {
  cpu_set_t allowed, now, none;
  CPU_ZERO(&none);
  CHECK_EQ(sched_getaffinity(id, sizeof allowed, &allowed), 0);
  CHECK(CPU_COUNT(&allowed) > 0);
  CHECK_EQ(sched_setaffinity(id, sizeof allowed, &allowed), 0);
  CHECK_FAILS(sched_setaffinity(id, sizeof none, &none), EINVAL);
  CHECK_FAILS(sched_setaffinity(id, sizeof none, (cpu_set_t*)8), EFAULT);
  CHECK_EQ(syscall(SYS_sched_setaffinity, id, sizeof allowed, &allowed), 0);
  CHECK(syscall(SYS_sched_getaffinity, id, sizeof now, &now) > 0);
  CHECK_EQ(pthread_getaffinity_np(thread, sizeof now, &now), 0);
  CHECK(CPU_EQUAL(&now, &allowed));
  CHECK_EQ(pthread_setaffinity_np(thread, sizeof allowed, &allowed), 0);
  CHECK_EQ(pthread_setaffinity_np(thread, sizeof none, &none), EINVAL);
  CHECK_EQ(pthread_getaffinity_np(thread, 1, &now), EINVAL);
}

static void check_policy_of(pid_t id, pthread_t thread) {
  struct sched_param normal = {0}, high = {50}, now = {7};
  struct timespec interval;
  int policy = -1;
  CHECK_EQ(sched_getscheduler(id), SCHED_OTHER);
  CHECK_EQ(sched_getparam(id, &now), 0);
  CHECK_EQ(now.sched_priority, 0);
  CHECK_EQ(sched_setscheduler(id, SCHED_OTHER, &normal), 0);
  CHECK_EQ(sched_setparam(id, &normal), 0);
  CHECK_EQ(sched_rr_get_interval(id, &interval), 0);
  CHECK_FAILS(sched_setscheduler(id, SCHED_OTHER, &high), EINVAL);
  CHECK_FAILS(sched_setscheduler(id, 99, &normal), EINVAL);
  CHECK_FAILS(sched_setscheduler(id, SCHED_FIFO, &normal), EINVAL);
  CHECK_FAILS(sched_setscheduler(id, SCHED_OTHER, NULL), EINVAL);
  CHECK_FAILS(sched_setparam(id, &high), EINVAL);
  CHECK_EQ(pthread_getschedparam(thread, &policy, &now), 0);
  CHECK_EQ(policy, SCHED_OTHER);
  CHECK_EQ(pthread_setschedparam(thread, SCHED_OTHER, &normal), 0);
  CHECK_EQ(pthread_setschedparam(thread, SCHED_OTHER, &high), EINVAL);
  CHECK_EQ(pthread_setschedprio(thread, 0), 0);
  CHECK_EQ(pthread_setschedprio(thread, 50), EINVAL);
}

static void check_nice_value_of(pid_t id) {
  errno = 0;
  int value = getpriority(PRIO_PROCESS, (id_t)id);
  CHECK_EQ(errno, 0);
  CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)id, value), 0);
  CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, id), 20 - value);
  CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)id, 19), 0);
}

static void* check_own(void* argument) {
  check_affinity_of(gettid(), pthread_self());
  check_affinity_of(0, pthread_self());
  check_policy_of(gettid(), pthread_self());
  check_policy_of(0, pthread_self());
  check_nice_value_of(gettid());
  return argument;
}

CASE(scheduling) {
  check_affinity_of(gettid(), pthread_self());
  check_policy_of(gettid(), pthread_self());
  const int before = getpriority(PRIO_PROCESS, 0);
  join(start(check_own, NULL));
  CHECK_EQ(getpriority(PRIO_PROCESS, 0), before);  // a thread's nice value is its own
}

CASE(scheduling_of_others) {
  pid_t id = 0;
  may_end = 0;
  pthread_t thread = start(note_id, &id);
  while (__atomic_load_n(&id, __ATOMIC_SEQ_CST) == 0) sched_yield();
  check_affinity_of(id, thread);
  check_policy_of(id, thread);
  check_nice_value_of(id);
  set_flag(&may_end);
  join(thread);
  cpu_set_t set;
  while (sched_getscheduler(id) >= 0) usleep(100);  // the kernel's own ends a moment after pthread_join
  CHECK_FAILS(sched_getscheduler(id), ESRCH);
  CHECK_FAILS(sched_getaffinity(id, sizeof set, &set), ESRCH);
  CHECK_FAILS(setpriority(PRIO_PROCESS, (id_t)id, 0), ESRCH);
}

// One CPU for one thread leaves the others where they were.
static void* pin(void* argument) {
  cpu_set_t allowed, one;
  CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
    if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
  }
  CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  CHECK_EQ(sched_setaffinity(gettid(), sizeof one, &one), 0);
  CHECK_EQ(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
  return argument;
}

CASE(one_pinned_thread) {
  cpu_set_t before, after;
  CHECK_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  join(start(pin, NULL));
  CHECK_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  CHECK(CPU_EQUAL(&before, &after));
}
