// Waiting for child processes. Runs twice: with one carrier, where a call that blocks it would stop the sibling that
// ends the wait; and with many. (system and pclose can only block: they need many.)
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

enum { kThreads = 20, kStatus = 7 };

// A child that ends with kStatus when it is told to.
struct Child {
  pid_t pid;
  int to_child[2];
  void (*wait)(struct Child*);
  int is_inside, is_told;
};

static struct Child start_child(void (*wait)(struct Child*)) {
  struct Child child = {.wait = wait};
  char byte;
  open_pipe(child.to_child);
  child.pid = fork_child();
  if (child.pid == 0) {
    CHECK_EQ(read(child.to_child[kReadEnd], &byte, 1), 1);
    _exit(kStatus);
  }
  return child;
}

static void tell(struct Child* child) { CHECK_EQ(write(child->to_child[kWriteEnd], "g", 1), 1); }

static void* wait_beside_sibling(void* argument) {
  struct Child* child = argument;
  set_flag(&child->is_inside);
  errno = 77;
  child->wait(child);
  CHECK_EQ(errno, 77);
  CHECK(is_set(&child->is_told) && "the wait ended after the sibling told the child");
  return NULL;
}

static void* tell_beside_sibling(void* argument) {
  struct Child* child = argument;
  await_flag(&child->is_inside);
  usleep(1000);
  set_flag(&child->is_told);
  tell(child);
  return NULL;
}

// One thread waits, the other tells the child to end; and the other way round.
static void check_sibling_runs(void (*wait)(struct Child*)) {
  for (int main_waits = 0; main_waits < 2; main_waits++) {
    struct Child child = start_child(wait);
    pthread_t sibling = start(main_waits ? tell_beside_sibling : wait_beside_sibling, &child);
    main_waits ? wait_beside_sibling(&child) : tell_beside_sibling(&child);
    join(sibling);
    close_both(child.to_child);
  }
}

#define WAIT(name, call)                        \
  static void name(struct Child* child) {       \
    int status = -1;                            \
    CHECK_EQ(call, child->pid);                 \
    CHECK(WIFEXITED(status));                   \
    CHECK_EQ(WEXITSTATUS(status), kStatus);     \
    CHECK_EQ(waitpid(child->pid, NULL, 0), -1); \
    CHECK_EQ(errno, ECHILD);                    \
    errno = 77;                                 \
  }

pid_t __wait(int* status);
pid_t __waitpid(pid_t pid, int* status, int options);

static struct rusage usage;

WAIT(by_waitpid, waitpid(child->pid, &status, 0))
WAIT(by_waitpid_of_any, waitpid(-1, &status, 0))
WAIT(by_waitpid_of_group, waitpid(0, &status, 0))
WAIT(by_waitpid_of_named_group, waitpid(-getpgrp(), &status, 0))
WAIT(by_waitpid_untraced, waitpid(child->pid, &status, WUNTRACED))
WAIT(by___waitpid, __waitpid(child->pid, &status, 0))
WAIT(by_wait, wait(&status))
WAIT(by___wait, __wait(&status))
WAIT(by_wait3, wait3(&status, 0, &usage))
WAIT(by_wait4, wait4(child->pid, &status, 0, &usage))
WAIT(by_wait4_of_any, wait4(-1, &status, 0, NULL))

CASE(waitpid) {
  check_sibling_runs(by_waitpid);
  check_sibling_runs(by_waitpid_of_any);
  check_sibling_runs(by_waitpid_of_group);
  check_sibling_runs(by_waitpid_of_named_group);
  check_sibling_runs(by_waitpid_untraced);
}

CASE(__waitpid) { check_sibling_runs(by___waitpid); }
CASE(wait) { check_sibling_runs(by_wait); }
CASE(__wait) { check_sibling_runs(by___wait); }

CASE(wait3) {
  usage.ru_maxrss = 0;
  check_sibling_runs(by_wait3);
  CHECK(usage.ru_maxrss > 0);
}

CASE(wait4) {
  usage.ru_maxrss = 0;
  check_sibling_runs(by_wait4);
  CHECK(usage.ru_maxrss > 0);
  check_sibling_runs(by_wait4_of_any);
}

static void check_information(const siginfo_t* information, pid_t child) {
  CHECK_EQ(information->si_signo, SIGCHLD);
  CHECK_EQ(information->si_code, CLD_EXITED);
  CHECK_EQ(information->si_pid, child);
  CHECK_EQ(information->si_status, kStatus);
}

static void by_waitid_of(idtype_t type, id_t id, pid_t child) {
  siginfo_t information;
  memset(&information, 0, sizeof information);
  CHECK_EQ(waitid(type, id, &information, WEXITED | WNOWAIT), 0);
  check_information(&information, child);
  memset(&information, 0, sizeof information);
  CHECK_EQ(waitid(type, id, &information, WEXITED), 0);
  check_information(&information, child);
  CHECK_EQ(waitid(type, id, &information, WEXITED), -1);
  CHECK_EQ(errno, ECHILD);
  errno = 77;
}

static void by_waitid(struct Child* child) { by_waitid_of(P_PID, (id_t)child->pid, child->pid); }
static void by_waitid_of_any(struct Child* child) { by_waitid_of(P_ALL, 0, child->pid); }
static void by_waitid_of_group(struct Child* child) { by_waitid_of(P_PGID, (id_t)getpgrp(), child->pid); }

static void by_waitid_without_information(struct Child* child) {
  CHECK_EQ(waitid(P_PID, (id_t)child->pid, NULL, WEXITED), 0);
}

static void by_waitid_of_descriptor(struct Child* child) {
  int fd = pidfd_open(child->pid, 0);
  CHECK(fd >= 0);
  by_waitid_of(P_PIDFD, (id_t)fd, child->pid);
  CHECK_EQ(close(fd), 0);
}

CASE(waitid) {
  check_sibling_runs(by_waitid);
  check_sibling_runs(by_waitid_of_any);
  check_sibling_runs(by_waitid_of_group);
  check_sibling_runs(by_waitid_without_information);
  check_sibling_runs(by_waitid_of_descriptor);
}

static int pidfd;

static void* wait_for_descriptor(void* unused) {
  siginfo_t information;
  entering();
  CHECK_EQ(waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED), 0);
  CHECK_EQ(information.si_status, kStatus);
  return unused;
}

CASE(descriptor_that_is_closed_meanwhile) {
  struct Child child = start_child(NULL);
  pidfd = pidfd_open(child.pid, 0);
  pthread_t thread = start(wait_for_descriptor, NULL);
  await_entered(1);
  CHECK_EQ(close(pidfd), 0);
  tell(&child);
  join(thread);
  close_both(child.to_child);
}

static void* do_nothing(void* unused) { return unused; }

CASE(descriptor_that_does_not_block) {
  siginfo_t information;
  join(start(do_nothing, NULL));
  struct Child child = start_child(NULL);
  int fd = pidfd_open(child.pid, O_NONBLOCK);  // PIDFD_NONBLOCK
  CHECK(fd >= 0);
  CHECK_FAILS(waitid(P_PIDFD, (id_t)fd, &information, WEXITED), EAGAIN);
  tell(&child);
  CHECK_EQ(waitpid(child.pid, NULL, 0), child.pid);
  CHECK_EQ(close(fd), 0);
  close_both(child.to_child);
}

static void* check_errors(void* unused) {
  int status;
  siginfo_t information;
  CHECK_FAILS(wait(&status), ECHILD);
  CHECK_FAILS(waitpid(getpid(), &status, 0), ECHILD);
  CHECK_FAILS(waitpid(-1, &status, 1 << 20), EINVAL);
  CHECK_FAILS(waitid(P_ALL, 0, &information, 0), EINVAL);
  CHECK_FAILS(waitid(P_PID, (id_t)getpid(), &information, WEXITED), ECHILD);
  CHECK_FAILS(waitid(P_PIDFD, 1000, &information, WEXITED), EBADF);
  struct Child child = start_child(NULL);
  CHECK_EQ(waitpid(child.pid, &status, WNOHANG), 0);
  CHECK_FAILS(waitpid(child.pid, &status, 1 << 20), EINVAL);
  CHECK_EQ(waitid(P_PID, (id_t)child.pid, &information, WEXITED | WNOHANG), 0);
  CHECK_EQ(information.si_pid, 0);
  CHECK_EQ(kill(child.pid, SIGKILL), 0);
  CHECK_EQ(waitpid(child.pid, &status, 0), child.pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  close_both(child.to_child);
  return unused;
}

CASE(errors) {
  join(start(check_errors, NULL));
  check_errors(NULL);
}

static pid_t common_child;
static int reaped, too_late;

static void* reap_common_child(void* unused) {
  entering();
  pid_t result = waitpid(common_child, NULL, 0);
  if (result == common_child) __atomic_add_fetch(&reaped, 1, __ATOMIC_SEQ_CST);
  if (result == -1 && errno == ECHILD) __atomic_add_fetch(&too_late, 1, __ATOMIC_SEQ_CST);
  return unused;
}

CASE(several_wait_for_one_child) {
  pthread_t threads[kThreads];
  struct Child child = start_child(NULL);
  common_child = child.pid;
  reaped = too_late = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(reap_common_child, NULL);
  await_entered(kThreads);
  tell(&child);
  join_all(threads, kThreads);
  CHECK_EQ(reaped, 1);
  CHECK_EQ(too_late, kThreads - 1);
  close_both(child.to_child);
}

static void* fork_and_wait(void* unused) {
  for (int i = 0; i < 5; i++) {
    struct Child child = start_child(NULL);
    usleep(100);
    tell(&child);
    by_waitpid(&child);
    close_both(child.to_child);
  }
  return unused;
}

CASE(each_waits_for_its_own) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(fork_and_wait, NULL);
  join_all(threads, kThreads);
}
