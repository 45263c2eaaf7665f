// What becomes of the standard descriptors where libc forks or changes them by itself; and who runs while a child of
// vfork has its parent's memory.
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <utmp.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static int status_of(pid_t child) {
  int status = -1;
  CHECK(child > 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  return status;
}

static void* read_byte(void* unused) {
  char byte;
  (void)unused;
  const ssize_t size = read(STDIN_FILENO, &byte, 1);
  return (void*)(intptr_t)(size == 1 ? byte : size == 0 ? 'e' : errno);
}

static void* write_byte(void* fd) {
  CHECK_EQ(write(*(int*)fd, "s", 1), 1);
  return fd;
}

// A thread reads from standard input while that is a socket, and knows so.
static void* read_standard_input(void* unused) {
  int pair[2];
  const int standard = dup(STDIN_FILENO);
  open_pair(SOCK_STREAM, pair);
  CHECK_EQ(dup2(pair[0], STDIN_FILENO), STDIN_FILENO);
  pthread_t writer = start(write_byte, &pair[1]);
  CHECK_EQ((intptr_t)read_byte(NULL), 's');
  join(writer);
  close_both(pair);
  *(int*)unused = standard;
  return unused;
}

// In a child, since there is no way back: then() gives standard input another meaning.
static void check_standard_input(void (*then)(void), int expected) {
  const pid_t child = fork();
  if (child == 0) {
    int standard;
    alarm(20);
    join(start(read_standard_input, &standard));
    then();
    const intptr_t byte = (intptr_t)join(start(read_byte, NULL));
    _exit(byte == expected ? 0 : (int)byte);
  }
  CHECK_EQ(status_of(child), 0);
}

static void become_daemon(void) {
  CHECK_EQ(daemon(1, 0), 0);
  if (read(STDIN_FILENO, &(char){0}, 1) != 0) _exit(1);
}

// The daemon is not our child, unless we adopt it: so its status comes second.
CASE(daemon) {
  CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  check_standard_input(become_daemon, 'e');
  int status = -1;
  CHECK(wait(&status) > 0);
  CHECK_EQ(status, 0);
}

static int terminal;

static void* type(void* unused) {
  CHECK_EQ(write(terminal, "t\n", 2), 2);
  return unused;
}

static void log_in(void) {
  int line;
  CHECK_EQ(openpty(&terminal, &line, NULL, NULL, NULL), 0);
  CHECK(setsid() >= 0 || errno == EPERM);
  CHECK_EQ(login_tty(line), 0);
  start(type, NULL);
}

CASE(login_tty) { check_standard_input(log_in, 't'); }

static void fork_on_terminal(void) {
  const pid_t child = forkpty(&terminal, NULL, NULL, NULL);
  if (child == 0) return;
  type(NULL);
  _exit(WEXITSTATUS(status_of(child)));
}

CASE(forkpty) { check_standard_input(fork_on_terminal, 't'); }

static int turns;

static void* take_turns(void* unused) {
  for (int i = 0; i < 5; i++) {
    __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
    sched_yield();
  }
  return unused;
}

// The child waits for what another thread of its parent does, as it can see in its memory.
static void* vfork_and_wait(void* unused) {
  const pid_t child = vfork();
  if (child == 0) {
    while (__atomic_load_n(&turns, __ATOMIC_SEQ_CST) < 5) continue;
    _exit(3);
  }
  CHECK_EQ(WEXITSTATUS(status_of(child)), 3);
  return unused;
}

CASE(vfork) {
  for (int i = 0; i < 10; i++) {
    turns = 0;
    pthread_t threads[2] = {start(vfork_and_wait, NULL), start(take_turns, NULL)};
    join_all(threads, 2);
  }
}
