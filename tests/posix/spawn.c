// Programs as children: posix_spawn with all attributes and file actions, exec by threads, system, popen, and how
// waitpid tells of their ends. POSIX.1-2017: posix_spawn, exec, system, popen, wait, waitid.
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>

#include "tests/posix/child.h"

static char* environment[] = {"PATH=/usr/bin:/bin", "WORD=there", NULL};
static int ends[2];

// What the shell command has written to its standard output, which is the pipe.
static const char* answer(void) {
  static char text[200];
  const ssize_t size = read(ends[0], text, sizeof text - 1);
  text[size < 0 ? 0 : size] = '\0';
  return text;
}

static pid_t spawn(const char* command, const posix_spawn_file_actions_t* actions,
                   const posix_spawnattr_t* attributes) {
  char* arguments[] = {"sh", "-c", (char*)command, NULL};
  pid_t child = -1;
  const int error = posix_spawn(&child, "/bin/sh", actions, attributes, arguments, environment);
  CHECK_EQ(error, 0);
  return child;
}

static bool prints(const char* command, posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
                   const char* text) {
  return exits_with(spawn(command, actions, attributes), 0) && strcmp(answer(), text) == 0;
}

static void* check_actions(void* unused) {
  posix_spawn_file_actions_t actions;
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
  char closed_in_child[100];
  snprintf(closed_in_child, sizeof closed_in_child, "test -e /proc/self/fd/%d || echo closed", ends[0]);
  HOLDS(posix_spawn, "runs the program with the environment given", prints("echo $WORD", &actions, NULL, "there\n"));
  HOLDS(posix_spawn, "descriptors that close on exec are closed in the child",
        prints(closed_in_child, &actions, NULL, "closed\n"));
  CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 7, "/dev/null", O_RDONLY, 0), 0);
  HOLDS(posix_spawn_file_actions_addopen, "opens a file at that number",
        prints("readlink /proc/self/fd/7", &actions, NULL, "/dev/null\n"));
  CHECK_EQ(posix_spawn_file_actions_addclose(&actions, 7), 0);
  HOLDS(posix_spawn_file_actions_addclose, "actions run in the order in which they were added",
        prints("readlink /proc/self/fd/7 || echo none", &actions, NULL, "none\n"));
  CHECK_EQ(posix_spawn_file_actions_addchdir_np(&actions, "/usr"), 0);
  HOLDS(posix_spawn_file_actions_addchdir_np, "changes the child's directory", prints("pwd", &actions, NULL, "/usr\n"));
  CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 8, "/no/such/file", O_RDONLY, 0), 0);
  char* arguments[] = {"sh", NULL};
  pid_t child;
  HOLDS(posix_spawn, "returns the error of an action that fails, and there is no child",
        posix_spawn(&child, "/bin/sh", &actions, NULL, arguments, environment) == ENOENT);
  HOLDS(posix_spawn, "returns ENOENT where there is no such program",
        posix_spawn(&child, "/no/such/program", NULL, NULL, arguments, environment) == ENOENT);
  HOLDS(posix_spawn, "returns EACCES where the file may not be executed",
        posix_spawn(&child, "/etc/passwd", NULL, NULL, arguments, environment) == EACCES);
  HOLDS(posix_spawnp, "looks for the program in PATH",
        posix_spawnp(&child, "true", NULL, NULL, arguments, environment) == 0 && exits_with(child, 0));
  HOLDS(posix_spawnp, "returns ENOENT where none is there",
        posix_spawnp(&child, "no-such-program", NULL, NULL, arguments, environment) == ENOENT);
  CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
  close(ends[0]), close(ends[1]);
  return unused;
}

CASE(file_actions) {
  check_actions(NULL);
  join(start(check_actions, NULL));
}

static const char ignores_winch[] =
    "test $((0x$(sed -n 's/^SigIgn:.//p' /proc/self/status) >> 27 & 1)) = 1 && echo yes || echo no";

static void* check_attributes(void* unused) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  sigset_t set;
  char text[100];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  CHECK_EQ(posix_spawnattr_init(&attributes), 0);
  CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
  CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);

  CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP), 0);
  pid_t child = spawn("ps -o pgid= -p $$ | tr -d ' '; echo $$", &actions, &attributes);
  const bool ended = exits_with(child, 0);
  snprintf(text, sizeof text, "%d\n%d\n", child, child);
  HOLDS(posix_spawnattr_setpgroup, "0: the child leads a group of its own", ended && strcmp(answer(), text) == 0);

  CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID), 0);
  child = spawn("ps -o sid= -p $$ | tr -d ' '; echo $$", &actions, &attributes);
  const bool sid_ended = exits_with(child, 0);
  snprintf(text, sizeof text, "%d\n%d\n", child, child);
  HOLDS(posix_spawnattr_setflags, "POSIX_SPAWN_SETSID: the child leads a session",
        sid_ended && strcmp(answer(), text) == 0);

  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  CHECK_EQ(posix_spawnattr_setsigmask(&attributes, &set), 0);
  CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  HOLDS(posix_spawnattr_setsigmask, "is the child's signal mask",
        prints("grep SigBlk /proc/self/status | tr -d '\\t'", &actions, &attributes, "SigBlk:0000000000004000\n"));
  CHECK_EQ(posix_spawnattr_setflags(&attributes, 0), 0);
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, &before), 0);
  HOLDS(posix_spawn, "else that is the calling thread's",
        prints("grep SigBlk /proc/self/status | tr -d '\\t'", &actions, &attributes, "SigBlk:0000000000000001\n"));
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);

  CHECK(signal(SIGWINCH, SIG_IGN) != SIG_ERR);
  HOLDS(posix_spawn, "what the parent ignores the child ignores, too",
        prints(ignores_winch, &actions, &attributes, "yes\n"));
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  CHECK_EQ(posix_spawnattr_setsigdefault(&attributes, &set), 0);
  CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF), 0);
  HOLDS(posix_spawnattr_setsigdefault, "but not what is to have its default action",
        prints(ignores_winch, &actions, &attributes, "no\n"));
  CHECK(signal(SIGWINCH, SIG_DFL) != SIG_ERR);

  struct sched_param parameters = {.sched_priority = 0};
  HOLDS(posix_spawnattr_setschedpolicy, "EINVAL for a policy that there is not",
        posix_spawnattr_setschedpolicy(&attributes, 99) == EINVAL);
  CHECK_EQ(posix_spawnattr_setschedpolicy(&attributes, SCHED_OTHER), 0);
  CHECK_EQ(posix_spawnattr_setschedparam(&attributes, &parameters), 0);
  CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSCHEDULER), 0);
  HOLDS(posix_spawnattr_setschedpolicy, "is the child's policy",
        prints("ps -o cls= -p $$ | tr -d ' '", &actions, &attributes, "TS\n"));
  CHECK_EQ(posix_spawnattr_destroy(&attributes), 0);
  CHECK_EQ(posix_spawn_file_actions_destroy(&actions), 0);
  close(ends[0]), close(ends[1]);
  return unused;
}

CASE(attributes) {
  check_attributes(NULL);
  join(start(check_attributes, NULL));
}

static void* exec_in_thread(void* unused) {
  execl("/bin/sh", "sh", "-c", "exit 21", NULL);
  return unused;
}

static void* sleep_long(void* unused) {
  sleep(100);
  return unused;
}

static bool execs_beside_threads(pid_t child) {
  if (child == 0) {
    for (int i = 0; i < 5; i++) start(sleep_long, NULL);
    usleep(1000);
    join(start(exec_in_thread, NULL));
    _exit(22);
  }
  return exits_with(child, 21);
}

static bool keeps_pid(pid_t child) {
  if (child == 0) {
    char expected[100];
    snprintf(expected, sizeof expected, "test $$ = %d && test $PPID = %d", getpid(), getppid());
    start(sleep_long, NULL);
    execl("/bin/sh", "sh", "-c", expected, NULL);
    _exit(22);
  }
  return exits_with(child, 0);
}

static void* check_exec(void* unused) {
  HOLDS(execl, "by a thread: the process becomes the program, its other threads end",
        execs_beside_threads(fork_limited()));
  HOLDS(execl, "keeps the process's id and parent", keeps_pid(fork_limited()));
  return unused;
}

CASE(exec) {
  check_exec(NULL);
  join(start(check_exec, NULL));
}

static void* check_shell(void* unused) {
  char line[100] = "";
  HOLDS(system, "gives the command's exit status", WEXITSTATUS(system("exit 33")) == 33);
  HOLDS(system, "and the signal that ended it", WTERMSIG(system("kill -TERM $$")) == SIGTERM);
  HOLDS(system, "127 where the shell finds no such command", WEXITSTATUS(system("no-such-command 2>/dev/null")) == 127);
  HOLDS(system, "says that there is a shell", system(NULL) != 0);
  FILE* stream = popen("echo line; exit 3", "r");
  HOLDS(popen, "reads what the command writes",
        stream && fgets(line, sizeof line, stream) && strcmp(line, "line\n") == 0);
  HOLDS(pclose, "gives the command's exit status", WEXITSTATUS(pclose(stream)) == 3);
  stream = popen("read line; test \"$line\" = word", "w");
  HOLDS(popen, "writes what the command reads", stream && fputs("word\n", stream) >= 0 && pclose(stream) == 0);
  HOLDS(popen, "EINVAL for another mode", !popen("true", "x") && errno == EINVAL);
  return unused;
}

CASE(shell) {
  check_shell(NULL);
  join(start(check_shell, NULL));
}
