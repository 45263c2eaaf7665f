// wait, waitpid, waitid: how children end, stop and go on, told to whichever thread asks. POSIX.1-2017, wait, waitid;
// wait4(2).
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/posix/child.h"

static pid_t child_that(void (*act)(void)) {
  const pid_t child = fork_limited();
  if (child == 0) {
    act();
    _exit(0);
  }
  return child;
}

static void exit_300(void) { _exit(300); }
static void kill_itself(void) { kill(getpid(), SIGKILL); }
static void sleep_long(void) { sleep(100); }
static void stop(void) {
  raise(SIGSTOP);
  sleep_long();
}
static void exit_9(void) { _exit(9); }

static void* check_statuses(void* unused) {
  int status;
  pid_t child = child_that(exit_300);
  HOLDS(waitpid, "the low eight bits of what exit was given",
        waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 44);
  child = child_that(kill_itself);
  HOLDS(waitpid, "the signal that ended the child",
        waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  child = child_that(stop);
  HOLDS(waitpid, "WUNTRACED: a child that has stopped",
        waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  HOLDS(waitpid, "WNOHANG: 0 while it has not ended", waitpid(child, &status, WNOHANG) == 0);
  CHECK_EQ(kill(child, SIGCONT), 0);
  HOLDS(waitpid, "WCONTINUED: a child that goes on",
        waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
  CHECK_EQ(kill(child, SIGTERM), 0);
  HOLDS(waitpid, "then its end",
        waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  HOLDS(waitpid, "ECHILD for a child that has been waited for", waitpid(child, &status, 0) == -1 && errno == ECHILD);
  HOLDS(waitpid, "ECHILD for who is no child", waitpid(getpid(), &status, 0) == -1 && errno == ECHILD);
  HOLDS(waitpid, "EINVAL for options that there are not", waitpid(-1, &status, 0x10000) == -1 && errno == EINVAL);
  child = child_that(sleep_long);
  CHECK_EQ(kill(child, SIGTERM), 0);
  struct rusage usage;
  memset(&usage, 0xff, sizeof usage);
  HOLDS(wait4, "gives the child's usage",
        wait4(child, &status, 0, &usage) == child && WTERMSIG(status) == SIGTERM && usage.ru_utime.tv_sec == 0);
  return unused;
}

CASE(statuses) {
  check_statuses(NULL);
  join(start(check_statuses, NULL));
}

static void* check_waitid(void* unused) {
  siginfo_t information;
  memset(&information, 0, sizeof information);
  pid_t child = child_that(exit_9);
  HOLDS(waitid, "WNOWAIT leaves the child to be waited for",
        waitid(P_PID, (id_t)child, &information, WEXITED | WNOWAIT) == 0 && information.si_pid == child);
  HOLDS(waitid, "tells how the child ended",
        waitid(P_PID, (id_t)child, &information, WEXITED) == 0 && information.si_code == CLD_EXITED &&
            information.si_status == 9 && information.si_signo == SIGCHLD && information.si_uid == getuid());
  child = child_that(kill_itself);
  HOLDS(waitid, "and by which signal",
        waitid(P_ALL, 0, &information, WEXITED) == 0 && information.si_pid == child &&
            information.si_code == CLD_KILLED && information.si_status == SIGKILL);
  child = child_that(stop);
  HOLDS(waitid, "WSTOPPED: a child that has stopped",
        waitid(P_PID, (id_t)child, &information, WSTOPPED) == 0 && information.si_code == CLD_STOPPED &&
            information.si_status == SIGSTOP);
  information.si_pid = 1;
  HOLDS(waitid, "WNOHANG: no child's id while none has ended",
        waitid(P_PID, (id_t)child, &information, WEXITED | WNOHANG) == 0 && information.si_pid == 0);
  CHECK_EQ(kill(child, SIGCONT), 0);
  HOLDS(waitid, "WCONTINUED: a child that goes on",
        waitid(P_PID, (id_t)child, &information, WCONTINUED) == 0 && information.si_code == CLD_CONTINUED &&
            information.si_status == SIGCONT);
  CHECK_EQ(kill(child, SIGTERM), 0);
  const int fd = (int)syscall(SYS_pidfd_open, child, 0);
  HOLDS(waitid, "P_PIDFD: the child of that descriptor",
        waitid(P_PIDFD, (id_t)fd, &information, WEXITED) == 0 && information.si_pid == child);
  close(fd);
  HOLDS(waitid, "EINVAL without a kind of end", waitid(P_ALL, 0, &information, 0) == -1 && errno == EINVAL);
  HOLDS(waitid, "ECHILD when there is no child", waitid(P_ALL, 0, &information, WEXITED) == -1 && errno == ECHILD);
  return unused;
}

CASE(waitid) {
  check_waitid(NULL);
  join(start(check_waitid, NULL));
}

static pid_t child_of_other;
static void* fork_for_another(void* unused) {
  child_of_other = child_that(exit_9);
  return unused;
}

static void* wait_for_any(void* unused) {
  (void)unused;
  return (void*)(intptr_t)waitpid(-1, NULL, 0);
}

CASE(threads) {
  join(start(fork_for_another, NULL));
  HOLDS(waitpid, "a thread waits for a child that another made, and that has ended since",
        exits_with(child_of_other, 9));
  pthread_t waiters[5];
  pid_t children[5];
  for (int i = 0; i < 5; i++) children[i] = child_that(sleep_long);
  for (int i = 0; i < 5; i++) waiters[i] = start(wait_for_any, NULL);
  for (int i = 0; i < 5; i++) CHECK_EQ(kill(children[i], SIGTERM), 0);
  long long sum = 0;
  for (int i = 0; i < 5; i++) sum += (intptr_t)join(waiters[i]) - children[i];
  HOLDS(waitpid, "of several threads that wait for any child each gets one", sum == 0);
}

CASE(groups) {
  const pid_t leader = child_that(sleep_long), other = child_that(sleep_long);
  int status;
  CHECK_EQ(setpgid(leader, leader), 0);
  CHECK_EQ(kill(other, SIGTERM), 0);
  HOLDS(waitpid, "0: any child of the caller's group", waitpid(0, &status, 0) == other);
  CHECK_EQ(kill(leader, SIGTERM), 0);
  HOLDS(waitpid, "less than -1: any child of that group", waitpid(-leader, &status, 0) == leader);
  HOLDS(wait, "ECHILD when all are waited for", wait(&status) == -1 && errno == ECHILD);
}
