// Many threads that each wait for a child of their own: parked, on one kernel thread (--kernel-threads-max).
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

enum { kThreads = 100 };

static int to_children[2];

static void* wait_for_own_child(void* by_waitpid) {
  char byte;
  siginfo_t information;
  pid_t child = fork_child();
  if (child == 0) {
    CHECK_EQ(read(to_children[kReadEnd], &byte, 1), 1);
    _exit(0);
  }
  entering();
  if (!by_waitpid) CHECK_EQ(waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT), 0);
  await_child(child);
  return NULL;
}

CASE(each_waits_for_its_own) {
  pthread_t threads[kThreads];
  open_pipe(to_children);
  for (int i = 0; i < kThreads; i++) threads[i] = start(wait_for_own_child, i % 2 ? threads : NULL);
  await_entered(kThreads);
  usleep(50000);  // for whatever might be done about threads that block
  for (int i = 0; i < kThreads; i++) CHECK_EQ(write(to_children[kWriteEnd], "g", 1), 1);
  join_all(threads, kThreads);
  close_both(to_children);
}
