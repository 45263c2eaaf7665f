// SIGCHLD, and what its action does to children: sigaction in POSIX.1-2017.
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static int ends[2];
static siginfo_t last;

static void note(int number, siginfo_t* information, void* context) {
  last = *information;
  see(number, information, context);
}

// A child that ends so when the pipe is written or closed.
static pid_t child_that(int ends_by) {
  CHECK_EQ(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(ends[1]);
    if (read(ends[0], &byte, 1) > 1) _exit(1);
    if (ends_by > 0) raise(ends_by);
    _exit(-ends_by);
  }
  return child;
}

static void let_end(void) {
  close(ends[1]);
  close(ends[0]);
}

static bool told_of(pid_t child, int code, int status) {
  await_seen(1);
  return seen_count() == 1 && last.si_signo == SIGCHLD && last.si_pid == child && last.si_code == code &&
         last.si_status == status && last.si_uid == getuid();
}

static int bury(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

CASE(information) {
  struct Servant servant;
  handle_with(SIGCHLD, SA_RESTART, note);
  hire(&servant);
  forget_seen();
  pid_t child = child_that(-7);
  let_end();
  HOLDS(sigaction, "SIGCHLD: CLD_EXITED with pid and status", told_of(child, CLD_EXITED, 7));
  bury(child);
  forget_seen();
  child = child_that(SIGTERM);
  let_end();
  HOLDS(sigaction, "SIGCHLD: CLD_KILLED with the signal", told_of(child, CLD_KILLED, SIGTERM));
  bury(child);
  forget_seen();
  block(SIGCHLD);
  child = child_that(0);
  let_end();
  await_seen(1);
  HOLDS(sigaction, "SIGCHLD goes to a thread that leaves it open", pthread_equal(seen_at(0).thread, servant.thread));
  unblock(SIGCHLD);
  bury(child);
  dismiss(&servant);
}

static void stop_and_continue(pid_t child) {
  int status;
  CHECK_EQ(kill(child, SIGSTOP), 0);
  CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
  CHECK(WIFSTOPPED(status));
  CHECK_EQ(kill(child, SIGCONT), 0);
  CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
  CHECK(WIFCONTINUED(status));
}

CASE(stops) {
  handle_with(SIGCHLD, SA_RESTART, note);
  pid_t child = child_that(-3);
  int status;
  forget_seen();
  CHECK_EQ(kill(child, SIGSTOP), 0);
  // Before waitpid, which takes the status from the child: Linux tells of the child a little after it has stopped.
  HOLDS(sigaction, "SIGCHLD: CLD_STOPPED with the signal", told_of(child, CLD_STOPPED, SIGSTOP));
  CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
  forget_seen();
  CHECK_EQ(kill(child, SIGCONT), 0);
  CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
  HOLDS(sigaction, "SIGCHLD: CLD_CONTINUED", told_of(child, CLD_CONTINUED, SIGCONT));
  forget_seen();
  handle_with(SIGCHLD, SA_RESTART | SA_NOCLDSTOP, note);
  stop_and_continue(child);
  let_end();
  HOLDS(sigaction, "SA_NOCLDSTOP: no SIGCHLD but that of its end", told_of(child, CLD_EXITED, 3));
  bury(child);
}

static bool leaves_no_zombie(void) {
  pid_t child = child_that(0);
  let_end();
  return (errno = 0, waitpid(child, NULL, 0)) == -1 && errno == ECHILD;
}

static void wait_for_child(void* result) { *(bool*)result = leaves_no_zombie(); }

CASE(no_zombies) {
  struct Servant servant;
  bool holds = false;
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NOCLDWAIT};
  forget_seen();
  hire(&servant);
  CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
  HOLDS(sigaction, "SA_NOCLDWAIT: children become no zombies, and waitpid fails with ECHILD", leaves_no_zombie());
  HOLDS(sigaction, "SA_NOCLDWAIT: Linux sends SIGCHLD all the same", (await_seen(1), seen_count() == 1));
  ask(&servant, wait_for_child, &holds);
  HOLDS(waitpid, "ECHILD after the child's end, in another thread too", holds);
  signal(SIGCHLD, SIG_IGN);
  HOLDS(signal, "SIGCHLD ignored: children become no zombies", leaves_no_zombie());
  ask(&servant, wait_for_child, &holds);
  HOLDS(waitpid, "ECHILD then", holds);
  signal(SIGCHLD, SIG_DFL);
  pid_t child = child_that(-9);
  let_end();
  int status = bury(child);
  HOLDS(signal, "SIGCHLD by default: they do", WIFEXITED(status) && WEXITSTATUS(status) == 9);
  dismiss(&servant);
}

enum { kChildren = 5 };

static int buried;

static void bury_all(int number, siginfo_t* information, void* context) {
  int error = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0) buried++;
  errno = error;
  see(number, information, context);
}

CASE(handler_that_waits) {
  struct Servant servant;
  forget_seen();
  handle_with(SIGCHLD, SA_RESTART, bury_all);
  hire(&servant);
  for (int i = 0; i < kChildren; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(child > 0);
  }
  while (__atomic_load_n(&buried, __ATOMIC_SEQ_CST) < kChildren) usleep(100);
  HOLDS(waitpid, "in a handler of SIGCHLD finds all children that ended", buried == kChildren);
  dismiss(&servant);
}
