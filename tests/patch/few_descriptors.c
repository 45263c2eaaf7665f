// Programs that have hardly a descriptor left when they make their first thread.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/support/case.h"

enum { kLimit = 64, kMostLeft = 12, kThreads = 3 };

static void* run(void* argument) {
  usleep(100);
  return argument;
}

static void run_threads(void) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(run, &threads[i]);
  for (int i = 0; i < kThreads; i++) CHECK(join(threads[i]) == &threads[i]);
}

static void leave_descriptors(int count) {
  struct rlimit limit = {kLimit, kLimit};
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  int fd, highest = -1;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) highest = fd;
  while (count-- > 0) close(highest--);
}

static int exit_status(pid_t child) {
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

CASE(first_threads_with_few_descriptors) {
  for (int left = 0; left <= kMostLeft; left++) {
    pid_t child = fork();
    if (child == 0) {
      leave_descriptors(left);
      run_threads();
      pid_t grandchild = fork();
      if (grandchild == 0) {
        run_threads();
        _exit(7);
      }
      _exit(exit_status(grandchild));
    }
    CHECK_EQ(exit_status(child), 7);
  }
  run_threads();
}
