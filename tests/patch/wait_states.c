// Children that vanish, stop, are traced; and calls that wait for children inside libc. Runs twice, as wait.c does.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

static int to_child[2], is_inside, is_told;

static void await_byte_and_exit(void) {
  char byte;
  CHECK_EQ(read(to_child[kReadEnd], &byte, 1), 1);
  _exit(0);
}

static pid_t start_child(void (*run)(void)) {
  pid_t child = fork_child();
  if (child == 0) run();
  return child;
}

static void* tell_beside_sibling(void* byte) {
  await_flag(&is_inside);
  usleep(1000);
  set_flag(&is_told);
  CHECK_EQ(write(to_child[kWriteEnd], byte, strlen(byte)), (ssize_t)strlen(byte));
  return NULL;
}

// The kernel reaps children of who ignores SIGCHLD: a wait ends when the last is gone.
static void* wait_for_vanishing_child(void* options) {
  pid_t child = start_child(await_byte_and_exit);
  set_flag(&is_inside);
  CHECK_FAILS(waitpid(*(int*)options ? child : -1, NULL, 0), ECHILD);
  CHECK(is_set(&is_told) && "the wait ended after the child did");
  while (kill(child, 0) == 0) sched_yield();  // the kernel tells who waits a moment before it lets the number go
  CHECK_EQ(errno, ESRCH);
  return NULL;
}

CASE(children_that_vanish) {
  signal(SIGCHLD, SIG_IGN);
  for (int round = 0; round < 4; round++) {
    int by_number = round % 2;
    is_inside = is_told = 0;
    open_pipe(to_child);
    pthread_t sibling = round < 2 ? start(wait_for_vanishing_child, &by_number) : start(tell_beside_sibling, "g");
    round < 2 ? tell_beside_sibling("g") : wait_for_vanishing_child(&by_number);
    join(sibling);
    close_both(to_child);
  }
  signal(SIGCHLD, SIG_DFL);
}

static void stop_and_await_byte(void) {
  CHECK_EQ(raise(SIGSTOP), 0);
  await_byte_and_exit();
}

static void* watch_states(void* unused) {
  int status;
  siginfo_t information;
  pid_t child = start_child(stop_and_await_byte);
  CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
  CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  CHECK_EQ(kill(child, SIGCONT), 0);
  CHECK_EQ(waitid(P_PID, (id_t)child, &information, WCONTINUED), 0);
  CHECK_EQ(information.si_code, CLD_CONTINUED);
  set_flag(&is_inside);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  return unused;
}

CASE(children_that_stop) {
  is_inside = is_told = 0;
  open_pipe(to_child);
  pthread_t thread = start(watch_states, NULL);
  tell_beside_sibling("g");
  join(thread);
  close_both(to_child);
}

static void stop_traced(void) {
  CHECK_EQ(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
  usleep(20000);  // the tracer waits by now
  CHECK_EQ(raise(SIGSTOP), 0);
  _exit(0);
}

static void* do_nothing(void* unused) { return unused; }

// Which ends no such wait unless the child is traced.
CASE(traced_child_that_stops) {
  int status;
  join(start(do_nothing, NULL));
  pid_t child = start_child(stop_traced);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  CHECK_EQ(kill(child, SIGKILL), 0);
  do CHECK_EQ(waitpid(child, &status, 0), child);
  while (!WIFSIGNALED(status));
}

static void* wait_for_common_child(void* child) {
  entering();
  CHECK_EQ(waitpid(*(pid_t*)child, NULL, 0), *(pid_t*)child);
  return NULL;
}

// Of the first numbers from `lowest` on that are free, each can be had and closed.
static void check_numbers(int lowest) {
  int fds[60], count = 0;
  while (count < 60 && (fds[count] = fcntl(STDOUT_FILENO, F_DUPFD, lowest)) >= 0) count++;
  while (count > 0) CHECK_EQ(close(fds[--count]), 0);
}

// Who counts on the lowest number to be free finds it free; and afterwards all are as before.
CASE(a_wait_takes_no_number) {
  open_pipe(to_child);
  pid_t child = start_child(await_byte_and_exit);
  int lowest = dup(STDOUT_FILENO);
  CHECK_EQ(close(lowest), 0);
  pthread_t thread = start(wait_for_common_child, &child);
  await_entered(1);
  CHECK_EQ(dup(STDOUT_FILENO), lowest);
  CHECK_EQ(close(lowest), 0);
  CHECK_EQ(write(to_child[kWriteEnd], "g", 1), 1);
  join(thread);
  close_both(to_child);
  check_numbers(950);
  check_numbers(3990);
}

#ifndef ONE_CARRIER
static char* command(char* text, size_t size) {
  snprintf(text, size, "read line < /proc/self/fd/%d; exit 3", to_child[kReadEnd]);
  return text;
}

static int run_system(void) {
  char text[100];
  set_flag(&is_inside);
  return system(command(text, sizeof text));
}

static int close_pipe_to_command(void) {
  char text[100];
  FILE* stream = popen(command(text, sizeof text), "w");
  CHECK(stream != NULL);
  CHECK(fputs("some text that nobody reads", stream) >= 0);
  set_flag(&is_inside);
  return pclose(stream);
}

static void* check_status(void* run) {
  int status = (*(int (**)(void))run)();
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 3);
  CHECK(is_set(&is_told) && "the call ended after the sibling ended it");
  return NULL;
}

static void check_sibling_runs(int (*run)(void)) {
  for (int main_waits = 0; main_waits < 2; main_waits++) {
    is_inside = is_told = 0;
    open_pipe(to_child);
    pthread_t sibling = main_waits ? start(tell_beside_sibling, "line\n") : start(check_status, &run);
    main_waits ? check_status(&run) : tell_beside_sibling("line\n");
    join(sibling);
    close_both(to_child);
  }
}

CASE(system) {
  check_sibling_runs(run_system);
  CHECK(system(NULL) != 0);
}

CASE(pclose) {
  signal(SIGPIPE, SIG_IGN);  // the command may be gone when its input comes
  check_sibling_runs(close_pipe_to_command);
  signal(SIGPIPE, SIG_DFL);
}
#endif
