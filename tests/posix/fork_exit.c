// How forked children end, and who outlives whom. POSIX.1-2017: exit, _exit, abort, pthread_exit, setsid;
// quick_exit(3), daemon(3).
#include <sys/mman.h>
#include <sys/prctl.h>

#include "tests/posix/child.h"

static int* seen;  // shared with all children
static pthread_key_t key;

static void count_exit(void) { ++*seen; }
static void count_exit_twice(void) { *seen = 2 * *seen + 10; }
static void count_quick_exit(void) { *seen += 100; }
static void count_destroyed(void* value) { *seen += *(int*)value; }

static void* exit_with_5(void* unused) {
  exit(5);
  return unused;
}

static void* return_at_once(void* unused) { return unused; }

// fork() in a thread, then end() there.
struct Child {
  void (*end)(void);
  pid_t pid;
};

static void* fork_child(void* argument) {
  struct Child* child = argument;
  fflush(stdout);  // else the child's exit would write it once more
  child->pid = fork_limited();
  if (child->pid == 0) {
    child->end();
    return NULL;
  }
  return argument;
}

static pid_t child_of_main(void (*end)(void)) {
  struct Child child = {end, 0};
  *seen = 0;
  if (!fork_child(&child)) exit(98);
  return child.pid;
}

static pid_t child_of_thread(void (*end)(void)) {
  struct Child child = {end, 0};
  *seen = 0;
  join(start(fork_child, &child));
  return child.pid;
}

static void return_from_start(void) {}
static void exit_child(void) { exit(3); }
static void exit_child_at_once(void) { _exit(4); }
static void exit_child_quickly(void) { quick_exit(6); }
static void abort_child(void) { abort(); }
static void end_thread(void) { pthread_exit(NULL); }

static void exit_in_thread(void) {
  join(start(exit_with_5, NULL));
  _exit(99);
}

static void* exit_later(void* unused) {
  usleep(5000);
  exit(8);
  return unused;
}

static void leave_it_to_another(void) {
  start(exit_later, NULL);
  pthread_exit(NULL);
}

static void leave_it_to_the_last(void) {
  start(return_at_once, NULL);
  pthread_exit(NULL);
}

static void end_with_key(void) {
  static int value = 1000;
  pthread_setspecific(key, &value);
  pthread_exit(NULL);
}

CASE(ends) {
  seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seen != MAP_FAILED);
  CHECK_EQ(pthread_key_create(&key, count_destroyed), 0);
  CHECK_EQ(atexit(count_exit), 0);
  CHECK_EQ(atexit(count_exit_twice), 0);
  CHECK_EQ(at_quick_exit(count_quick_exit), 0);
  pid_t (*const forks[])(void (*)(void)) = {child_of_main, child_of_thread};
  for (int i = 0; i < 2; i++) {
    pid_t (*const child)(void (*)(void)) = forks[i];
    HOLDS(exit, "the child runs the parent's atexit handlers, the last first",
          exits_with(child(exit_child), 3) && *seen == 11);
    HOLDS(_exit, "runs no handlers in the child", exits_with(child(exit_child_at_once), 4) && *seen == 0);
    HOLDS(quick_exit, "runs at_quick_exit's handlers only", exits_with(child(exit_child_quickly), 6) && *seen == 100);
    HOLDS(abort, "ends the child by SIGABRT, without handlers",
          is_killed_by(child(abort_child), SIGABRT) && *seen == 0);
    HOLDS(exit, "a thread of the child's ends it", exits_with(child(exit_in_thread), 5) && *seen == 11);
    HOLDS(pthread_exit, "of the child's only thread ends it with status 0", exits_with(child(end_thread), 0));
    HOLDS(pthread_exit, "which runs the atexit handlers", *seen == 11);
    HOLDS(pthread_exit, "runs the destructors of the child's keys before", exits_with(child(end_with_key), 0));
    HOLDS(pthread_exit, "each once", *seen == 2011);
    HOLDS(pthread_exit, "leaves the child to its other threads", exits_with(child(leave_it_to_another), 8));
    HOLDS(pthread_exit, "the child ends with its last thread",
          exits_with(child(leave_it_to_the_last), 0) && *seen == 11);
  }
  HOLDS(pthread_exit, "a thread that returns from its start routine in the child ends that",
        exits_with(child_of_thread(return_from_start), 0) && *seen == 11);
}

static int ends[2];

static bool says(pid_t child, char letter) {
  char byte = 0;
  return exits_with(child, 0) && read(ends[0], &byte, 1) == 1 && byte == letter;
}

static void outlive_parent(void) {
  const pid_t parent = getpid(), child = fork_limited();
  if (child != 0) _exit(child > 0 ? 0 : 1);
  while (getppid() == parent) usleep(1000);
  join(start(return_at_once, NULL));
  _exit(write(ends[1], "o", 1) == 1 ? 0 : 1);
}

static void begin_session(void) {
  const pid_t child = setsid();
  _exit(child == getpid() && getsid(0) == child && getpgrp() == child && setsid() == -1 && errno == EPERM ? 0 : 1);
}

static void* say_done(void* unused) {
  usleep(1000);
  if (write(ends[1], "d", 1) != 1) _exit(1);
  return unused;
}

// The parent's threads stay behind; the child makes its own.
static void become_daemon(void) {
  start(exit_later, NULL);
  if (daemon(0, 0) != 0) _exit(1);
  char place[100];
  if (getsid(0) != getpid() || !getcwd(place, sizeof place) || strcmp(place, "/") != 0) _exit(2);
  if (read(STDIN_FILENO, place, 1) != 0) _exit(3);
  join(start(say_done, NULL));
  _exit(0);
}

static void become_daemon_in_session(void) {
  if (daemon(1, 1) != 0) _exit(1);
  if (getsid(0) != getpid() || getpgrp() != getpid()) _exit(2);
  join(start(say_done, NULL));
  _exit(0);
}

CASE(outlives) {
  CHECK_EQ(pipe(ends), 0);
  CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  pid_t (*const forks[])(void (*)(void)) = {child_of_main, child_of_thread};
  for (int i = 0; i < 2; i++) {
    HOLDS(fork, "a child outlives its parent, and gets another", says(forks[i](outlive_parent), 'o'));
    HOLDS(waitpid, "who adopts it reaps it", wait(NULL) > 0);
    HOLDS(setsid, "makes the child the leader of a session, once", exits_with(forks[i](begin_session), 0));
    HOLDS(daemon, "ends the parent with 0, and the child goes on in a session of its own",
          says(forks[i](become_daemon_in_session), 'd') && wait(NULL) > 0);
    HOLDS(daemon, "goes to the root directory, and reads from /dev/null",
          says(forks[i](become_daemon), 'd') && wait(NULL) > 0);
  }
  HOLDS(wait, "ECHILD when all are reaped", wait(NULL) == -1 && errno == ECHILD);
}
