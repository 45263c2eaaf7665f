// setuid(2) and its kin change all threads of the process. For root only.
#include <dirent.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/support/case.h"

enum { kThreads = 4, kUser = 12345, kGroup = 23456, kSkipped = 77 };

__attribute__((constructor)) static void need_root(void) {
  if (geteuid() == 0) return;
  puts("needs root");
  exit(kSkipped);
}

// Every kernel thread has these effective ids, whichever greenlets it runs.
static void check_tasks(unsigned user, unsigned group) {
  DIR* tasks = opendir("/proc/self/task");
  struct dirent* entry;
  int seen = 0;
  while ((entry = readdir(tasks)) != NULL) {
    char path[300], line[256];
    unsigned real, effective, ids = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE* status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
    if (status == NULL) continue;
    while (fgets(line, sizeof line, status) != NULL) {
      if (sscanf(line, "Uid: %u %u", &real, &effective) == 2 && ++ids) CHECK_EQ(effective, user);
      if (sscanf(line, "Gid: %u %u", &real, &effective) == 2 && ++ids) CHECK_EQ(effective, group);
    }
    fclose(status);
    if (ids == 2) seen++;
  }
  closedir(tasks);
  CHECK(seen > 0);
}

static int may_end;

static void* sleep_on(void* unused) {
  while (!is_set(&may_end)) usleep(200);
  return unused;
}

// Gets a kernel thread of its own, where there are two.
static void* compute(void* unused) {
  while (!is_set(&may_end)) {
    for (volatile int spin = 0; spin < 1000000; spin++) continue;
  }
  return unused;
}

static void* change_and_back(void* unused) {
  errno = EXDEV;
  CHECK_EQ(setegid(kGroup), 0);
  CHECK_EQ(seteuid(kUser), 0);
  CHECK_EQ(errno, EXDEV);
  CHECK(geteuid() == kUser && getegid() == kGroup);
  CHECK_FAILS(setgroups(0, NULL), EPERM);
  check_tasks(kUser, kGroup);
  CHECK_EQ(seteuid(0), 0);
  CHECK_EQ(setegid(0), 0);
  check_tasks(0, 0);
  return unused;
}

static void beside(void* (*other)(void*), bool by_main) {
  pthread_t threads[kThreads];
  may_end = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(i == 0 ? other : sleep_on, NULL);
  usleep(40000);
  if (by_main) {
    change_and_back(NULL);
  } else {
    join(start(change_and_back, NULL));
  }
  set_flag(&may_end);
  join_all(threads, kThreads);
}

CASE(by_a_thread) { beside(sleep_on, false); }
CASE(by_the_main_thread) { beside(sleep_on, true); }
CASE(beside_one_that_computes) { beside(compute, false); }
CASE(by_the_main_thread_beside_one_that_computes) { beside(compute, true); }

// Then another kernel thread may go on with the main thread, whose own waits or runs others.
CASE(by_a_main_thread_that_computed) {
  may_end = 0;
  pthread_t thread = start(sleep_on, NULL);
  for (int i = 0; i < 3; i++) {
    const long long end = now_ns(CLOCK_MONOTONIC) + 40 * 1000 * 1000;
    while (now_ns(CLOCK_MONOTONIC) < end) continue;
    usleep(1000);
    change_and_back(NULL);
  }
  set_flag(&may_end);
  join(thread);
}

static void* change_for_good(void* unused) {
  const gid_t group = kGroup;
  CHECK_EQ(initgroups("root", kGroup), 0);
  CHECK_EQ(setgroups(1, &group), 0);
  CHECK_EQ(setregid(0, kGroup), 0);
  CHECK_EQ(setresgid(kGroup, kGroup, 0), 0);
  CHECK_EQ(setgid(kGroup), 0);
  CHECK_EQ(setreuid(0, kUser), 0);
  check_tasks(kUser, kGroup);
  CHECK_EQ(setresuid(0, 0, kUser), 0);
  check_tasks(0, kGroup);
  CHECK_EQ(setuid(kUser), 0);
  CHECK_FAILS(setuid(0), EPERM);
  check_tasks(kUser, kGroup);
  return unused;
}

// In a forked child, since there is no way back.
CASE(all_calls) {
  for (int by_main = 0; by_main < 2; by_main++) {
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
      may_end = 0;
      pthread_t thread = start(sleep_on, NULL);
      by_main ? change_for_good(NULL) : join(start(change_for_good, NULL));
      set_flag(&may_end);
      join(thread);
      _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
  }
}
