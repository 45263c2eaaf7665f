// Child processes of a program with threads: fork, exec, system, popen, posix_spawn.
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kThreads = 10 };

extern char** environ;

static int exit_status(pid_t child) {
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void* fork_and_exit(void* status) {
  pid_t child = fork();
  if (child == 0) _exit((int)(intptr_t)status);
  usleep(100);
  return (void*)(intptr_t)exit_status(child);
}

static void run_beside_others(void* (*run)(void*)) {
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; i++) threads[i] = start(run, (void*)(i + 1));
  for (intptr_t i = 0; i < kThreads; i++) CHECK_EQ((intptr_t)join(threads[i]), i + 1);
}

CASE(fork) {
  run_beside_others(fork_and_exit);
  CHECK_EQ((intptr_t)fork_and_exit((void*)7), 7);
}

// In the child there is only the thread that called fork, and its waits are its own.
static void* fork_a_child_that_waits(void* status) {
  int to_child[2], to_parent[2];
  char byte = 0;
  open_pipe(to_child);
  open_pair(SOCK_STREAM, to_parent);
  pid_t child = fork();
  if (child == 0) {
    close(to_child[kWriteEnd]);
    usleep(1000);
    if (read(to_child[kReadEnd], &byte, 1) != 1) _exit(100);
    usleep(1000);
    if (send(to_parent[kWriteEnd], &byte, 1, 0) != 1) _exit(101);
    if (read(to_child[kReadEnd], &byte, 1) != 0) _exit(102);
    _exit((int)(intptr_t)status);
  }
  usleep(3000);
  CHECK_EQ(write(to_child[kWriteEnd], "c", 1), 1);
  CHECK_EQ(recv(to_parent[kReadEnd], &byte, 1, 0), 1);
  CHECK_EQ(byte, 'c');
  close_both(to_child);
  close_both(to_parent);
  return (void*)(intptr_t)exit_status(child);
}

CASE(a_child_that_waits) {
  CHECK_EQ((intptr_t)fork_a_child_that_waits((void*)7), 7);
  CHECK_EQ((intptr_t)join(start(fork_a_child_that_waits, (void*)8)), 8);
}

static void* return_argument(void* argument) {
  usleep(1000);
  return argument;
}

static void* fork_a_child_with_threads(void* status) {
  pid_t child = fork();
  if (child == 0) {
    pthread_t threads[kThreads];
    for (int i = 0; i < kThreads; i++) threads[i] = start(return_argument, status);
    for (int i = 0; i < kThreads; i++)
      if (join(threads[i]) != status) _exit(100);
    _exit((int)(intptr_t)status);
  }
  return (void*)(intptr_t)exit_status(child);
}

CASE(a_child_that_starts_threads) {
  CHECK_EQ((intptr_t)fork_a_child_with_threads((void*)7), 7);
  CHECK_EQ((intptr_t)join(start(fork_a_child_with_threads, (void*)8)), 8);
}

static void* end_child(void* argument) {
  usleep(20000);
  _exit(7);
  return argument;
}

static void* fork_a_child_whose_first_thread_ends(void* argument) {
  pid_t child = fork();
  if (child == 0) {
    start(end_child, NULL);
    pthread_exit(NULL);
  }
  CHECK_EQ(exit_status(child), 7);
  return argument;
}

CASE(who_joins_the_thread_that_forks_stays_in_the_parent) {
  pid_t parent = getpid();
  join(start(fork_a_child_whose_first_thread_ends, NULL));
  CHECK_EQ(getpid(), parent);
}

static int count_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 5000; fd++) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    count += readlink(path, target, sizeof target) >= 0;
  }
  return count;
}

// Returns how many descriptors the last of the children has more than the first.
static int descend(int children, int of_the_first) {
  join(start(return_argument, NULL));
  int more = count_descriptors() - of_the_first;
  if (children == 0) return more > 0 ? more : 0;
  pid_t child = fork();
  if (child == 0) _exit(descend(children - 1, of_the_first < 0 ? count_descriptors() : of_the_first));
  return exit_status(child);
}

CASE(children_of_children_inherit_no_descriptors_of_hubs) { CHECK(descend(20, -1) <= 10); }

static void read_text(int fd, char* text, size_t size) {
  ssize_t n;
  size_t done = 0;
  while ((n = read(fd, text + done, size - 1 - done)) > 0) done += (size_t)n;
  CHECK_EQ(n, 0);
  text[done] = 0;
}

static void* fork_and_exec(void* argument) {
  int ends[2];
  char text[100];
  open_pipe(ends);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[kWriteEnd], STDOUT_FILENO);
    close_both(ends);
    execl("/bin/echo", "echo", "hello", NULL);
    _exit(126);
  }
  close(ends[kWriteEnd]);
  read_text(ends[kReadEnd], text, sizeof text);
  close(ends[kReadEnd]);
  CHECK_TEXT(text, "hello\n");
  CHECK_EQ(exit_status(child), 0);
  return argument;
}

CASE(exec) {
  run_beside_others(fork_and_exec);
  fork_and_exec(NULL);
}

static void* vfork_and_exec(void* argument) {
  pid_t child = vfork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", "exit 9", NULL);
    _exit(126);
  }
  CHECK_EQ(exit_status(child), 9);
  return argument;
}

CASE(vfork) { run_beside_others(vfork_and_exec); }

static void* spawn_process(void* argument) {
  pid_t child;
  posix_spawn_file_actions_t actions;
  char* arguments[] = {"sh", "-c", "read line; exit $line", NULL};
  int ends[2];
  open_pipe(ends);
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[kReadEnd], STDIN_FILENO), 0);
  CHECK_EQ(posix_spawn_file_actions_addclose(&actions, ends[kWriteEnd]), 0);
  CHECK_EQ(posix_spawn(&child, "/bin/sh", &actions, NULL, arguments, environ), 0);
  CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
  CHECK_EQ(write(ends[kWriteEnd], "11\n", 3), 3);
  CHECK_EQ(exit_status(child), 11);
  close_both(ends);
  return argument;
}

CASE(posix_spawn) { run_beside_others(spawn_process); }

static void* run_commands(void* argument) {
  CHECK_EQ(system("true"), 0);
  CHECK_EQ(WEXITSTATUS(system("exit 3")), 3);
  return argument;
}

CASE(system) { run_beside_others(run_commands); }

static void* read_from_command(void* argument) {
  char line[100] = "";
  FILE* stream = popen("echo hello; exit 4", "r");
  CHECK(stream);
  CHECK(fgets(line, sizeof line, stream));
  CHECK_TEXT(line, "hello\n");
  CHECK_EQ(WEXITSTATUS(pclose(stream)), 4);
  return argument;
}

static void* write_to_command(void* argument) {
  FILE* stream = popen("read line; test \"$line\" = hello", "w");
  CHECK(stream);
  CHECK(fprintf(stream, "hello\n") == 6);
  CHECK_EQ(pclose(stream), 0);
  return argument;
}

CASE(popen) {
  run_beside_others(read_from_command);
  run_beside_others(write_to_command);
}

static int handlers_run;
static void count_before(void) { handlers_run++; }
static void count_in_parent(void) { handlers_run += 10; }
static void count_in_child(void) { handlers_run += 100; }

CASE(fork_handlers) {
  CHECK_EQ(pthread_atfork(count_before, count_in_parent, count_in_child), 0);
  pid_t child = fork();
  if (child == 0) _exit(handlers_run);
  CHECK_EQ(exit_status(child), 101);
  CHECK_EQ(handlers_run, 11);
}
