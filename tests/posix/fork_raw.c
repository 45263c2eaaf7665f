// Children that are made past the handlers of fork: _Fork, vfork, clone, system calls. vfork(2), clone(2), glibc's
// manual ("Creating a Process").
// NOLINTBEGIN(clang-analyzer-unix.Vfork): children of vfork do here what programs do, not what they should.
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/posix/child.h"

static int handlers_ran;
static void count_handler(void) { handlers_ran++; }

static pid_t raw_fork(void) { return (pid_t)syscall(SYS_fork); }
static pid_t raw_clone(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); }
static pid_t raw_clone3(void) {
  struct clone_args how = {.exit_signal = SIGCHLD};
  return (pid_t)syscall(SYS_clone3, &how, sizeof how);
}

static pid_t (*const forks[])(void) = {_Fork, raw_fork, raw_clone, raw_clone3};
enum { kForks = sizeof forks / sizeof *forks };

// What a signal handler may do, and what waits: by the kernel's word, as nobody else is there.
static bool waits(void) {
  int ends[2];
  char byte;
  const struct timespec soon = {0, 1000000};
  if (pipe(ends) != 0 || clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, NULL) != 0) return false;
  const pid_t child = _Fork();
  if (child == 0) {
    clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, NULL);
    _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
  }
  if (read(ends[0], &byte, 1) != 1 || close(ends[0]) != 0 || close(ends[1]) != 0) return false;
  return exits_with(child, 0);
}

static bool holds_in(pid_t (*make)(void), bool (*holds)(void)) {
  const pid_t child = make();
  if (child == 0) _exit((alarm(kChildSeconds), holds()) ? 0 : kDoesNotHold);
  return exits_with(child, 0);
}

static bool ran_no_handlers(void) { return handlers_ran == 0; }
static bool has_id_of_process(void) { return getpid() == (pid_t)syscall(SYS_getpid) && gettid() == getpid(); }

static int ran, stop;
static void* count(void* unused) {
  while (!is_set(&stop)) {
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
    usleep(100);
  }
  return unused;
}

static bool is_alone(void) {
  const int before = __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
  usleep(10000);
  return __atomic_load_n(&ran, __ATOMIC_SEQ_CST) == before;
}

static void* check_raw_children(void* unused) {
  const char* const names[kForks] = {"_Fork", "SYS_fork", "SYS_clone", "SYS_clone3"};
  for (int i = 0; i < kForks; i++) {
    check(holds_in(forks[i], ran_no_handlers), names[i], __FILE__, __LINE__);
    check(holds_in(forks[i], is_alone), names[i], __FILE__, __LINE__);
    check(holds_in(forks[i], waits), names[i], __FILE__, __LINE__);
  }
  HOLDS(_Fork, "runs no handlers of pthread_atfork", holds_in(_Fork, ran_no_handlers));
  HOLDS(_Fork, "the child has the calling thread alone", holds_in(_Fork, is_alone));
  HOLDS(_Fork, "the child may call what is async-signal-safe, and wait in it", holds_in(_Fork, waits));
  HOLDS(_Fork, "the child's thread has an id of its own", holds_in(_Fork, has_id_of_process));
  return unused;
}

CASE(raw) {
  CHECK_EQ(pthread_atfork(count_handler, count_handler, count_handler), 0);
  pthread_t thread = start(count, NULL);
  check_raw_children(NULL);
  join(start(check_raw_children, NULL));
  const int before = __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&ran, __ATOMIC_SEQ_CST) == before) usleep(1000);
  HOLDS(_Fork, "the parent's threads go on", handlers_ran == 0);
  set_flag(&stop);
  join(thread);
  stop = 0;
}

static char stack[1 << 16] __attribute__((aligned(16)));
static int of_child;

static int run_clone(void* argument) {
  of_child = 1;
  return argument == &stop && waits() ? 11 : 12;
}

static int share_memory(void* argument) {
  of_child = 2;
  return argument == &stop ? 11 : 12;
}

static void* check_clone(void* unused) {
  of_child = 0;
  const pid_t own = clone(run_clone, stack + sizeof stack, SIGCHLD, &stop);
  HOLDS(clone, "the child runs the function on its stack, and ends with what it returns", exits_with(own, 11));
  HOLDS(clone, "in memory of its own", of_child == 0);
  const pid_t sharing = clone(share_memory, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &stop);
  HOLDS(clone, "or in the parent's, which waits for it", of_child == 2 && exits_with(sharing, 11));
  HOLDS(clone, "EINVAL without a function", clone(NULL, stack + sizeof stack, SIGCHLD, NULL) == -1 && errno == EINVAL);
  return unused;
}

CASE(clone) {
  check_clone(NULL);
  join(start(check_clone, NULL));
}

static int fd_of_child = -1;

static void* check_vfork(void* unused) {
  int ends[2];
  char byte;
  volatile int seen = 0;
  CHECK_EQ(pipe(ends), 0);
  pid_t child = vfork();
  if (child == 0) {
    seen = 1;
    _exit(13);
  }
  HOLDS(vfork, "the child runs first, in the parent's memory", seen == 1 && exits_with(child, 13));
  child = vfork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl("/bin/sh", "sh", "-c", "printf v; exit 14", NULL);
    _exit(127);
  }
  HOLDS(vfork, "the child executes a program with descriptors of its own",
        exits_with(child, 14) && read(ends[0], &byte, 1) == 1 && byte == 'v');
  HOLDS(vfork, "what the child closes stays open in the parent",
        write(ends[1], "w", 1) == 1 && read(ends[0], &byte, 1) == 1);
  child = vfork();
  if (child == 0) {
    fd_of_child = dup(ends[0]);
    close(fd_of_child);
    _exit(execl("/no/such/program", "no", NULL) == -1 && errno == ENOENT ? 15 : 16);
  }
  HOLDS(vfork, "the child sees why it can't execute a program", exits_with(child, 15) && fd_of_child >= 0);
  close(ends[0]);
  close(ends[1]);
  return unused;
}

// What a child does to its signals before it executes a program is its own, though the memory is the parent's.
static volatile int handled;
static void count_signal(int number) { handled += number; }

static void* check_signals_of_vfork(void* unused) {
  struct sigaction action = {.sa_handler = count_signal}, now;
  sigset_t set, mask;
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  handled = 0;
  const pid_t child = vfork();
  if (child == 0) {
    struct sigaction before;
    const bool knew = sigaction(SIGUSR1, &(struct sigaction){.sa_handler = SIG_DFL}, &before) == 0 &&
                      before.sa_handler == count_signal && signal(SIGUSR2, SIG_IGN) != SIG_ERR &&
                      sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0;
    _exit(knew && sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 ? 1 : 2);
  }
  HOLDS(vfork, "the child's signals have the actions that it has set", is_killed_by(child, SIGUSR1) && handled == 0);
  HOLDS(vfork, "the parent's actions stay", sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == count_signal);
  HOLDS(vfork, "the parent's mask stays",
        pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
  HOLDS(vfork, "the parent's handlers go on to run", raise(SIGUSR1) == 0 && handled == SIGUSR1);
  return unused;
}

CASE(signals_of_vfork) {
  check_signals_of_vfork(NULL);
  join(start(check_signals_of_vfork, NULL));
}

// A child that blocks holds up the thread that made it, and no other.
static int blocked_pipe[2];
static void* block_in_vfork(void* unused) {
  char byte;
  entering();
  const pid_t child = vfork();
  if (child == 0) _exit(read(blocked_pipe[0], &byte, 1) == 1 && byte == 'b' ? 0 : 1);
  HOLDS(vfork, "while the child blocks other threads run", exits_with(child, 0));
  return unused;
}

CASE(vfork) {
  check_vfork(NULL);
  join(start(check_vfork, NULL));
  CHECK_EQ(pipe(blocked_pipe), 0);
  pthread_t thread = start(block_in_vfork, NULL);
  await_entered(1);
  CHECK_EQ(write(blocked_pipe[1], "b", 1), 1);
  join(thread);
}
// NOLINTEND(clang-analyzer-unix.Vfork)
