// What signals do to a process with threads: default actions, abort, stops. Each in a child. POSIX.1-2017, signal(7).
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static const int terminating[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,
                                  SIGKILL, SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT,
                                  SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS};
static const int ignored[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
static int number;

static void* raise_it(void* unused) {
  raise(number);
  return unused;
}

static void raise_in_thread(void) { join(start(raise_it, NULL)); }

static void raise_in_main(void) {
  struct Servant servant;
  hire(&servant);
  raise(number);
  dismiss(&servant);
}

static void kill_waiting_thread(void) {
  struct Servant servant;
  hire(&servant);
  pthread_kill(servant.thread, number);
  dismiss(&servant);
}

static void kill_process(void) {
  struct Servant servant;
  hire(&servant);
  kill(getpid(), number);
  dismiss(&servant);
}

static bool dies_of(int expected, void (*body)(void)) {
  number = expected;
  int status = status_of(body);
  return WIFSIGNALED(status) && WTERMSIG(status) == expected;
}

static bool lives_with(int expected, void (*body)(void)) {
  number = expected;
  return status_of(body) == 0;
}

__attribute__((constructor)) static void no_core(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

CASE(terminating) {
  int from_main = 0, from_thread = 0, to_waiting = 0, to_process = 0, count = sizeof terminating / sizeof(int);
  for (int i = 0; i < count; i++) {
    from_main += dies_of(terminating[i], raise_in_main);
    from_thread += dies_of(terminating[i], raise_in_thread);
    to_waiting += dies_of(terminating[i], kill_waiting_thread);
    to_process += dies_of(terminating[i], kill_process);
  }
  HOLDS(raise, "in main: each signal whose default action that is ends the process", from_main == count);
  HOLDS(raise, "in another thread: the same", from_thread == count);
  HOLDS(pthread_kill, "to a thread that waits: the same, for the process as a whole", to_waiting == count);
  HOLDS(kill, "to the process: the same", to_process == count);
  HOLDS(raise, "realtime signals too", dies_of(SIGRTMIN, raise_in_thread) && dies_of(SIGRTMAX, raise_in_thread));
}

CASE(ignored) {
  int count = 0;
  for (int i = 0; i < 4; i++)
    count += lives_with(ignored[i], raise_in_thread) && lives_with(ignored[i], kill_process) &&
             lives_with(ignored[i], kill_waiting_thread);
  HOLDS(raise, "SIGCHLD, SIGCONT, SIGURG and SIGWINCH are ignored by default", count == 4);
}

static void* wait_open(void* unused) {
  unblock(SIGTERM);
  sem_t never;
  sem_init(&never, 0, 0);
  while (sem_wait(&never) != 0) continue;
  return unused;
}

static void all_but_one_block(void) {
  block(SIGTERM);
  start(wait_open, NULL);
  for (int i = 0; i < 100; i++) sched_yield();
  kill(getpid(), SIGTERM);
  for (;;) sched_yield();
}

static void* do_nothing(void* unused) {
  sched_yield();
  return unused;
}

static void all_block(void) {
  block(SIGTERM);
  pthread_t thread = start(do_nothing, NULL);
  kill(getpid(), SIGTERM);
  join(thread);
  if (!is_pending(SIGTERM)) _exit(1);
  _exit(42);
}

static void all_block_then_one_opens(void) {
  block(SIGTERM);
  kill(getpid(), SIGTERM);
  join(start(wait_open, NULL));
}

CASE(blocked) {
  HOLDS(kill, "SIGTERM ends a process of which one waiting thread leaves it open", dies_of(SIGTERM, all_but_one_block));
  int status = status_of(all_block);
  HOLDS(kill, "SIGTERM does nothing where all threads block it", WIFEXITED(status) && WEXITSTATUS(status) == 42);
  HOLDS(kill, "until one unblocks it", dies_of(SIGTERM, all_block_then_one_opens));
}

static void* abort_there(void* unused) {
  (void)unused;
  abort();
}

static void abort_in_thread(void) { join(start(abort_there, NULL)); }

static void ignore_and_abort(void) {
  signal(SIGABRT, SIG_IGN);
  abort_in_thread();
}

static void block_and_abort(void) {
  block(SIGABRT);
  abort_in_thread();
}

static void handle_and_abort(void) {
  handle(SIGABRT, 0);
  abort_in_thread();
}

static sigjmp_buf back;

static void jump(int signal_number) { siglongjmp(back, signal_number); }

static void* abort_and_jump(void* unused) {
  if (sigsetjmp(back, 1) == 0) abort();
  return unused;
}

static void jump_out_of_abort(void) {
  signal(SIGABRT, jump);
  join(start(abort_and_jump, NULL));
}

static char* volatile nowhere = (char*)8;

static void* write_nowhere(void* unused) {
  *nowhere = 1;
  return unused;
}

static void fault_in_thread(void) { join(start(write_nowhere, NULL)); }

static void* block_and_fault(void* unused) {
  block(SIGSEGV);
  return write_nowhere(unused);
}

static void fault_while_blocked(void) {
  handle(SIGSEGV, 0);
  join(start(block_and_fault, NULL));
}

static void fault_while_ignored(void) {
  signal(SIGSEGV, SIG_IGN);
  fault_in_thread();
}

CASE(abort) {
  HOLDS(abort, "in a thread ends the process with SIGABRT", dies_of(SIGABRT, abort_in_thread));
  HOLDS(abort, "also where SIGABRT is ignored", dies_of(SIGABRT, ignore_and_abort));
  HOLDS(abort, "also where it is blocked", dies_of(SIGABRT, block_and_abort));
  HOLDS(abort, "also where its handler returns", dies_of(SIGABRT, handle_and_abort));
  HOLDS(abort, "not where its handler jumps away", lives_with(SIGABRT, jump_out_of_abort));
}

CASE(faults) {
  HOLDS(sigaction, "a fault in a thread ends the process with its signal", dies_of(SIGSEGV, fault_in_thread));
  HOLDS(sigaction, "a fault whose signal is blocked does, too", dies_of(SIGSEGV, fault_while_blocked));
  HOLDS(sigaction, "and one whose signal is ignored", dies_of(SIGSEGV, fault_while_ignored));
}

static void* stop_there(void* unused) {
  raise(number);
  return unused;
}

static void stop_in_thread(void) {
  if (setpgid(0, 0) != 0) _exit(1);
  join(start(stop_there, NULL));
}

static bool stops(int stop) {
  int status, until[2];
  char byte;
  CHECK_EQ(pipe(until), 0);
  number = stop;
  pid_t child = fork();
  if (child == 0) {
    stop_in_thread();
    close(until[1]);
    _exit(read(until[0], &byte, 1) == 0 ? 7 : 1);
  }
  bool holds = waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == stop;
  CHECK_EQ(kill(child, SIGCONT), 0);
  holds = holds && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
  close(until[1]);
  holds = holds && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
  close(until[0]);
  return holds;
}

CASE(stops) {
  HOLDS(raise, "SIGTSTP in a thread stops the process, SIGCONT continues it", stops(SIGTSTP));
  HOLDS(raise, "SIGSTOP does", stops(SIGSTOP));
  HOLDS(raise, "SIGTTIN does", stops(SIGTTIN));
  HOLDS(raise, "SIGTTOU does", stops(SIGTTOU));
}

static void stop_and_continue(void* unused) {
  (void)unused;
  block(SIGTSTP);
  raise(SIGTSTP);
  HOLDS(sigpending, "a blocked SIGTSTP", is_pending(SIGTSTP));
  raise(SIGCONT);
  HOLDS(raise, "SIGCONT discards pending stops", !is_pending(SIGTSTP));
  unblock(SIGTSTP);
  block(SIGCONT);
  raise(SIGCONT);
  HOLDS(sigpending, "a blocked SIGCONT", is_pending(SIGCONT));
  block(SIGTSTP);
  raise(SIGTSTP);
  HOLDS(raise, "SIGTSTP discards a pending SIGCONT", !is_pending(SIGCONT) && is_pending(SIGTSTP));
  raise(SIGCONT);
  unblock(SIGTSTP);
  unblock(SIGCONT);
}

CASE(discarded) {
  struct Servant servant;
  stop_and_continue(NULL);
  hire(&servant);
  ask(&servant, stop_and_continue, NULL);
  dismiss(&servant);
}

CASE(continued) {
  struct Servant servant;
  forget_seen();
  handle(SIGTSTP, 0);
  handle(SIGCONT, 0);
  hire(&servant);
  pthread_kill(servant.thread, SIGTSTP);
  await_seen(1);
  HOLDS(sigaction, "SIGTSTP may be handled, and does not stop then", saw_once(SIGTSTP, servant.thread));
  forget_seen();
  pthread_kill(servant.thread, SIGCONT);
  await_seen(1);
  HOLDS(sigaction, "SIGCONT may be handled", saw_once(SIGCONT, servant.thread));
  dismiss(&servant);
}
