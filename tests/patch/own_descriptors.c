// The program sees no descriptor but its own: at the numbers that it counts on, in children, and when it closes them
// all while its threads are on several kernel threads.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kFarOff = 800, kText = 4000, kComputing = 3, kRounds = 4 };

extern char** environ;

// The numbers below kFarOff that are open, in order.
static void list_open(char text[kText]) {
  size_t length = 0;
  text[0] = '\0';
  for (int fd = 0; fd < kFarOff; fd++)
    if (fcntl(fd, F_GETFD) >= 0) length += (size_t)snprintf(text + length, kText - length, "%d ", fd);
}

static void read_all(int fd, char text[kText]) {
  size_t length = 0;
  ssize_t n;
  while ((n = read(fd, text + length, kText - 1 - length)) > 0) length += (size_t)n;
  CHECK_EQ(n, 0);
  text[length] = '\0';
}

static void await(pid_t child) {
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

// What a child that is made that way has open. Its stdout is the writing end of a pipe.
static void list_in_child(int way, char text[kText]) {
  char* arguments[] = {"ls", "/proc/self/fd", NULL};
  if (way == 0) {
    FILE* stream = popen("exec ls /proc/self/fd", "r");
    CHECK(stream);
    text[fread(text, 1, kText - 1, stream)] = '\0';
    CHECK_EQ(pclose(stream), 0);
    return;
  }
  int ends[2];
  pid_t child;
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  if (way == 1) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[kWriteEnd], STDOUT_FILENO);
    CHECK_EQ(posix_spawnp(&child, "ls", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  } else {
    child = way == 2 ? fork() : vfork();
    if (child == 0) {
      dup2(ends[kWriteEnd], STDOUT_FILENO);
      execvp("ls", arguments);
      _exit(1);
    }
  }
  close(ends[kWriteEnd]);
  read_all(ends[kReadEnd], text);
  close(ends[kReadEnd]);
  await(child);
}

enum { kWays = 4 };
static char open_at_first[kText], open_in_child[kWays][kText];

// Before there is a thread.
__attribute__((constructor)) static void remember(void) {
  list_open(open_at_first);
  for (int way = 0; way < kWays; way++) list_in_child(way, open_in_child[way]);
}

// Greenlets on several kernel threads: they compute, wait for what no descriptor tells, and park.
struct Crowd {
  pthread_t computing[kComputing], opening;
  int over;
  char directory[64], fifo[80];
};

static void* compute(void* over) {
  while (!is_set(over)) continue;
  return NULL;
}

static void* open_fifo(void* fifo) {
  entering();
  int fd = open(fifo, O_WRONLY);
  CHECK(fd >= 0);
  close(fd);
  return NULL;
}

static void gather(struct Crowd* crowd) {
  crowd->over = 0;
  strcpy(crowd->directory, "/tmp/evergreen-own-XXXXXX");
  CHECK(mkdtemp(crowd->directory));
  snprintf(crowd->fifo, sizeof crowd->fifo, "%s/fifo", crowd->directory);
  CHECK_EQ(mkfifo(crowd->fifo, 0600), 0);
  crowd->opening = start(open_fifo, crowd->fifo);
  await_entered(1);
  for (int i = 0; i < kComputing; i++) crowd->computing[i] = start(compute, &crowd->over);
  usleep(50000);  // they have carriers of their own by now, mostly
}

static void dismiss(struct Crowd* crowd) {
  set_flag(&crowd->over);
  join_all(crowd->computing, kComputing);
  int fd = open(crowd->fifo, O_RDONLY);
  CHECK(fd >= 0);
  close(fd);
  join(crowd->opening);
  unlink(crowd->fifo);
  rmdir(crowd->directory);
}

static void check_waits(void) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

CASE(low_numbers_are_the_programs) {
  struct Crowd crowd;
  char text[kText];
  gather(&crowd);
  check_waits();
  dismiss(&crowd);
  list_open(text);
  CHECK_TEXT(text, open_at_first);
}

CASE(children_have_none) {
  struct Crowd crowd;
  char text[kText], second[kText];
  gather(&crowd);
  for (int way = 0; way < kWays; way++) {
    list_in_child(way, text);
    // The thread in open() has a number, and may or may not have it yet when the child is made.
    list_in_child(way, second);
    CHECK_TEXT(second, text);
  }
  dismiss(&crowd);
  for (int way = 0; way < kWays; way++) {
    list_in_child(way, text);
    CHECK_TEXT(text, open_in_child[way]);
  }
}

CASE(forked_children_see_their_own) {
  char text[kText];
  check_waits();
  const pid_t child = fork();
  if (child == 0) {
    check_waits();
    list_open(text);
    CHECK_TEXT(text, open_at_first);
    closefrom(3);
    check_waits();
    for (int fd = 3; fd < 5000; fd++) close(fd);
    check_waits();
    _exit(0);
  }
  await(child);
  check_waits();
}

static void close_all(int way) {
  if (way == 0)
    for (int fd = 3; fd < 5000; fd++) close(fd);
  if (way == 1) closefrom(3);
  if (way == 2) CHECK_EQ(close_range(3, ~0U, 0), 0);
  if (way == 3)
    for (int fd = 3; fd < 5000; fd++) syscall(SYS_close, fd);
  if (way == 4) CHECK_EQ(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
  if (way == 5)
    for (int fd = 3; fd < 5000; fd++) fcntl(fd, F_SETFD, 0);
}

// A number that the program may take, as it believes that nobody has it.
static void* close_all_and_wait(void* way) {
  for (int i = 0; i < kRounds; i++) {
    close_all(*(int*)way);
    check_waits();
    sched_yield();
  }
  return NULL;
}

CASE(closing_all_while_threads_are_on_several_kernel_threads) {
  for (int way = 0; way < 5; way++) {
    struct Crowd crowd;
    gather(&crowd);
    close_all_and_wait(&way);
    join(start(close_all_and_wait, &way));
    dismiss(&crowd);
    check_waits();
  }
}

// Nobody has the far-off numbers: to look at them says so, and children get none even if no number shall be closed.
CASE(all_flags_are_cleared) {
  char text[kText];
  struct Crowd crowd;
  gather(&crowd);
  close_all(5);
  for (int fd = kFarOff; fd < 5000; fd++) CHECK_FAILS(fcntl(fd, F_GETFD), EBADF);
  for (int way = 0; way < kWays; way++) {
    list_in_child(way, text);
    for (const char* line = text; line != NULL; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
      CHECK(atoi(line) < kFarOff);
  }
  dismiss(&crowd);
}
