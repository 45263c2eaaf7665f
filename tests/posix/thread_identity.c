// What a thread is called and known by: names, ids, handles, clocks; POSIX.1-2017 and the Linux man pages.
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

static int begun, may_end;

static void* wait_for_end(void* id) {
  if (id != NULL) *(pid_t*)id = gettid();
  set_flag(&begun);
  await_flag(&may_end);
  return NULL;
}

static pthread_t start_waiting(pid_t* id) {
  begun = may_end = 0;
  pthread_t thread = start(wait_for_end, id);
  await_flag(&begun);
  return thread;
}

static void end(pthread_t thread) {
  set_flag(&may_end);
  join(thread);
}

static char name[16];

static bool is_named(pthread_t thread, const char* expected) {
  memset(name, 'x', sizeof name);
  return pthread_getname_np(thread, name, sizeof name) == 0 && strcmp(name, expected) == 0;
}

static void* name_itself(void* unused) {
  HOLDS(pthread_setname_np, "a thread inherits its maker's name", is_named(pthread_self(), "maker"));
  HOLDS(pthread_setname_np, "takes 15 characters", pthread_setname_np(pthread_self(), "fifteen letters") == 0);
  HOLDS(pthread_getname_np, "gives what was set", is_named(pthread_self(), "fifteen letters"));
  HOLDS(pthread_setname_np, "ERANGE for 16", pthread_setname_np(pthread_self(), "sixteen letters!") == ERANGE);
  HOLDS(pthread_setname_np, "a refused name changes nothing", is_named(pthread_self(), "fifteen letters"));
  usleep(1000);
  HOLDS(pthread_getname_np, "stays over a wait", is_named(pthread_self(), "fifteen letters"));
  HOLDS(prctl, "PR_SET_NAME names the caller",
        prctl(PR_SET_NAME, "by prctl") == 0 && is_named(pthread_self(), "by prctl"));
  HOLDS(prctl, "PR_SET_NAME cuts a long name",
        prctl(PR_SET_NAME, "more than fifteen") == 0 && is_named(pthread_self(), "more than fifte"));
  memset(name, 'x', sizeof name);
  HOLDS(prctl, "PR_GET_NAME gives it", prctl(PR_GET_NAME, name) == 0 && strcmp(name, "more than fifte") == 0);
  errno = 0;
  HOLDS(prctl, "PR_GET_NAME: EFAULT for an address that is not the program's",
        prctl(PR_GET_NAME, (void*)8) == -1 && errno == EFAULT);
  HOLDS(prctl, "PR_SET_NAME: EFAULT for an address that is not the program's",
        prctl(PR_SET_NAME, (void*)8) == -1 && errno == EFAULT);
  memset(name, 'x', sizeof name);
  HOLDS(syscall, "prctl by number does the same",
        syscall(SYS_prctl, PR_SET_NAME, "by number") == 0 && syscall(SYS_prctl, PR_GET_NAME, name) == 0 &&
            strcmp(name, "by number") == 0);
  return unused;
}

CASE(names) {
  char small[15];
  CHECK_EQ(pthread_setname_np(pthread_self(), "maker"), 0);
  join(start(name_itself, NULL));
  HOLDS(pthread_setname_np, "what a thread calls itself is no other's name", is_named(pthread_self(), "maker"));
  HOLDS(pthread_getname_np, "ERANGE for less than 16 bytes",
        pthread_getname_np(pthread_self(), small, sizeof small) == ERANGE);
  pthread_t thread = start_waiting(NULL);
  HOLDS(pthread_setname_np, "names another thread",
        pthread_setname_np(thread, "another") == 0 && is_named(thread, "another"));
  HOLDS(pthread_setname_np, "the empty name", pthread_setname_np(thread, "") == 0 && is_named(thread, ""));
  end(thread);
  FILE* file = fopen("/proc/self/comm", "r");
  CHECK(file && fgets(name, sizeof name, file));
  fclose(file);
  HOLDS(pthread_setname_np, "the main thread's is the process's", strcmp(name, "maker\n") == 0);
}

static void* rename_and_fork(void* unused) {
  int status = -1;
  pthread_setname_np(pthread_self(), "forker");
  pid_t child = fork();
  if (child == 0)
    _exit(is_named(pthread_self(), "forker") && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "forker") ? 0 : 1);
  CHECK_EQ(waitpid(child, &status, 0), child);
  HOLDS(fork, "the child has the name of the thread that forked", status == 0);
  return unused;
}

CASE(name_in_a_child) { join(start(rename_and_fork, NULL)); }

static void* note_handle(void* handle) {
  *(pthread_t*)handle = pthread_self();
  return NULL;
}

CASE(handles) {
  pthread_t seen, self = pthread_self();
  pthread_t thread = start(note_handle, &seen);
  join(thread);
  HOLDS(pthread_self, "gives what pthread_create gave", pthread_equal(seen, thread) != 0);
  HOLDS(pthread_equal, "nonzero for the same thread", pthread_equal(self, pthread_self()) != 0);
  pthread_t other = start_waiting(NULL);
  HOLDS(pthread_equal, "0 for two threads", pthread_equal(self, other) == 0);
  end(other);
}

CASE(ids) {
  pid_t id = 0, other_id = 0;
  HOLDS(gettid, "the main thread's is the process's", gettid() == getpid());
  pthread_t thread = start_waiting(&id);
  HOLDS(gettid, "another thread's differs", id > 0 && id != getpid());
  begun = 0;
  pthread_t other = start(wait_for_end, &other_id);
  await_flag(&begun);
  HOLDS(gettid, "two threads' differ", other_id != id && other_id > 0);
  HOLDS(tgkill, "finds a thread by its id", syscall(SYS_tgkill, getpid(), id, 0) == 0);
  HOLDS(getpid, "is the same in all threads", getpid() == (pid_t)syscall(SYS_getpid));
  set_flag(&may_end);
  join(thread);
  join(other);
}

// A wait of some milliseconds of CPU time.
static void compute(clockid_t clock) {
  long long begin = now_ns(clock);
  while (now_ns(clock) - begin < 5000000) continue;
}

static void* compute_thread(void* unused) {
  struct timespec time;
  HOLDS(clock_gettime, "knows CLOCK_THREAD_CPUTIME_ID", clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  long long before = now_ns(CLOCK_THREAD_CPUTIME_ID);
  compute(CLOCK_THREAD_CPUTIME_ID);
  HOLDS(clock_gettime, "CLOCK_THREAD_CPUTIME_ID goes on while the thread computes",
        now_ns(CLOCK_THREAD_CPUTIME_ID) - before >= 5000000);
  clockid_t own;
  HOLDS(pthread_getcpuclockid, "returns 0", pthread_getcpuclockid(pthread_self(), &own) == 0);
  before = now_ns(CLOCK_THREAD_CPUTIME_ID);
  long long by_id = now_ns(own);
  HOLDS(pthread_getcpuclockid, "the caller's is CLOCK_THREAD_CPUTIME_ID",
        by_id >= before && now_ns(CLOCK_THREAD_CPUTIME_ID) >= by_id);
  errno = 0;
  HOLDS(clock_gettime, "EFAULT for an address that is not the program's",
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, (struct timespec*)8) == -1 && errno == EFAULT);
  return unused;
}

static long long idle_time;

static void* block_in_read(void* fd) {
  char byte;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &(struct timespec){0});
  long long before = now_ns(CLOCK_THREAD_CPUTIME_ID);
  set_flag(&begun);
  CHECK_EQ(read(*(int*)fd, &byte, 1), 1);
  idle_time = now_ns(CLOCK_THREAD_CPUTIME_ID) - before;
  return NULL;
}

CASE(cpu_clocks) {
  clockid_t clock, another;
  int ends[2];
  join(start(compute_thread, NULL));
  pthread_t thread = start_waiting(NULL);
  CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
  HOLDS(pthread_getcpuclockid, "of another thread", pthread_getcpuclockid(thread, &another) == 0);
  HOLDS(pthread_getcpuclockid, "threads' clocks differ", clock != another);
  long long before = now_ns(another);
  HOLDS(clock_gettime, "another thread's clock never goes back", now_ns(another) >= before);
  end(thread);
  errno = 0;
  HOLDS(clock_gettime, "EINVAL for the clock of a thread that is no more",
        clock_gettime(another, &(struct timespec){0}) == -1 && errno == EINVAL);
  CHECK_EQ(pipe(ends), 0);
  begun = 0;
  thread = start(block_in_read, &ends[0]);
  await_flag(&begun);
  for (int i = 0; i < 10; i++) compute(CLOCK_THREAD_CPUTIME_ID);
  CHECK_EQ(write(ends[1], "x", 1), 1);
  join(thread);
  HOLDS(clock_gettime, "CLOCK_THREAD_CPUTIME_ID does not count what other threads use", idle_time < 50000000);
}

CASE(concurrency) {
  HOLDS(pthread_getconcurrency, "0 where nothing was set", pthread_getconcurrency() == 0);
  HOLDS(pthread_setconcurrency, "returns 0", pthread_setconcurrency(5) == 0);
  HOLDS(pthread_getconcurrency, "gives what was set", pthread_getconcurrency() == 5);
  HOLDS(pthread_setconcurrency, "EINVAL for a negative number", pthread_setconcurrency(-1) == EINVAL);
  HOLDS(pthread_getconcurrency, "a refused number changes nothing", pthread_getconcurrency() == 5);
}
