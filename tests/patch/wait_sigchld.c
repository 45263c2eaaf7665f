// Waiting for children beside what the program does with SIGCHLD, which stays its own.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

extern char** environ;

static int to_child[2];

static pid_t start_child(void) {
  char byte;
  pid_t child = fork_child();
  if (child == 0) _exit(read(to_child[kReadEnd], &byte, 1) == 1 ? 7 : 8);
  return child;
}

static void tell(void* unused) {
  (void)unused;
  CHECK_EQ(write(to_child[kWriteEnd], "g", 1), 1);
}

// Who ignores it has no zombies: a wait ends when there is no child left, and finds none.
static void wait_for_nothing(void* unused) {
  (void)unused;
  pid_t child = start_child();
  CHECK_FAILS(waitpid(child, NULL, 0), ECHILD);
  CHECK_FAILS(kill(child, 0), ESRCH);
}

static void wait_for_none_of_all(void* unused) {
  (void)unused;
  pid_t child = start_child();
  CHECK_FAILS(wait(NULL), ECHILD);
  CHECK_FAILS(kill(child, 0), ESRCH);
}

static void wait_for_no_information(void* unused) {
  (void)unused;
  siginfo_t information;
  pid_t child = start_child();
  CHECK_FAILS(waitid(P_PID, (id_t)child, &information, WEXITED), ECHILD);
  CHECK_FAILS(kill(child, 0), ESRCH);
}

CASE(ignored) {
  open_pipe(to_child);
  CHECK(signal(SIGCHLD, SIG_IGN) == SIG_DFL);
  meet(wait_for_nothing, tell, NULL);
  meet(wait_for_none_of_all, tell, NULL);
  meet(wait_for_no_information, tell, NULL);
  CHECK(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
  close_both(to_child);
}

static int reaped_by_handler;

static void reap_all(int number) {
  (void)number;
  int saved = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0) __atomic_add_fetch(&reaped_by_handler, 1, __ATOMIC_SEQ_CST);
  errno = saved;
}

static void wait_beside_handler(void* unused) {
  (void)unused;
  reaped_by_handler = 0;
  pid_t child = start_child(), result = waitpid(child, NULL, 0);
  if (result == -1) CHECK_EQ(errno, ECHILD);
  while (result == -1 && __atomic_load_n(&reaped_by_handler, __ATOMIC_SEQ_CST) == 0) usleep(100);
  CHECK_EQ((result == child) + __atomic_load_n(&reaped_by_handler, __ATOMIC_SEQ_CST), 1);
}

CASE(handler_that_reaps) {
  struct sigaction action = {.sa_handler = reap_all, .sa_flags = SA_RESTART}, before;
  open_pipe(to_child);
  CHECK_EQ(sigaction(SIGCHLD, &action, &before), 0);
  meet(wait_beside_handler, tell, NULL);
  CHECK_EQ(sigaction(SIGCHLD, &before, NULL), 0);
  close_both(to_child);
}

static void* spawn_and_wait(void* unused) {
  char* arguments[] = {"sh", "-c", "exit 5", NULL};
  pid_t child;
  int status;
  CHECK_EQ(posix_spawnp(&child, "sh", NULL, NULL, arguments, environ), 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
  CHECK_EQ(posix_spawnp(&child, "no-such-program", NULL, NULL, arguments, environ), ENOENT);
  return unused;
}

CASE(spawned) {
  pthread_t threads[5];
  for (int i = 0; i < 5; i++) threads[i] = start(spawn_and_wait, NULL);
  join_all(threads, 5);
}
