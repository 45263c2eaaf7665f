// Actions of signals, which the threads of a process share: sigaction, signal, siginterrupt and System V's functions.
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // sigset and its like, siginterrupt

#define BIT(number) (1 << ((number)-1))

static void plain(int number) { (void)number; }

static bool refuses(int number) {
  struct sigaction action = {.sa_handler = plain};
  errno = 0;
  return sigaction(number, &action, NULL) == -1 && errno == EINVAL;
}

CASE(sigaction) {
  struct sigaction action = {.sa_handler = plain, .sa_flags = SA_RESTART | SA_NODEFER}, old;
  HOLDS(sigaction, "the action is SIG_DFL at first", sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  action.sa_mask = set_of(SIGTERM);
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  struct sigaction next = {.sa_sigaction = see, .sa_flags = SA_SIGINFO};
  HOLDS(sigaction, "gives the previous handler", sigaction(SIGUSR1, &next, &old) == 0 && old.sa_handler == plain);
  HOLDS(sigaction, "and its flags", (old.sa_flags & ~0x04000000) == (SA_RESTART | SA_NODEFER));
  HOLDS(sigaction, "and its mask", sigismember(&old.sa_mask, SIGTERM) == 1 && sigismember(&old.sa_mask, SIGHUP) == 0);
  HOLDS(sigaction, "without a new action changes nothing",
        sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == see && sigaction(SIGUSR1, NULL, &old) == 0 &&
            old.sa_sigaction == see && (old.sa_flags & SA_SIGINFO) != 0);
  HOLDS(sigaction, "with neither does nothing", sigaction(SIGUSR1, NULL, NULL) == 0);
  HOLDS(sigaction, "EINVAL for SIGKILL and SIGSTOP", refuses(SIGKILL) && refuses(SIGSTOP));
  HOLDS(sigaction, "EINVAL for numbers that are none", refuses(0) && refuses(-1) && refuses(SIGRTMAX + 1));
  HOLDS(sigaction, "EINVAL for the numbers that glibc uses itself", refuses(32) && refuses(33));
  HOLDS(sigaction, "the action of SIGKILL may be read", sigaction(SIGKILL, NULL, &old) == 0);
  int taken = 0;
  for (int number = 1; number <= SIGRTMAX; number++) {
    if (number == SIGKILL || number == SIGSTOP || number == 32 || number == 33 || number == SIGALRM) continue;
    struct sigaction before;
    taken += sigaction(number, &next, &before) == 0 && sigaction(number, &before, &old) == 0 && old.sa_sigaction == see;
  }
  HOLDS(sigaction, "takes a handler for every other signal", taken == 59);
}

static void set_action(void* unused) {
  (void)unused;
  handle(SIGUSR2, 0);
}

static void get_action(void* result) {
  struct sigaction now;
  CHECK_EQ(sigaction(SIGUSR2, NULL, &now), 0);
  *(bool*)result = now.sa_handler == plain;
}

CASE(shared) {
  struct Servant servant;
  bool holds = false;
  forget_seen();
  hire(&servant);
  ask(&servant, set_action, NULL);
  raise(SIGUSR2);
  HOLDS(sigaction, "an action that one thread sets is every thread's", saw_once(SIGUSR2, pthread_self()));
  signal(SIGUSR2, plain);
  ask(&servant, get_action, &holds);
  HOLDS(signal, "an action that one thread sets is every thread's", holds);
  dismiss(&servant);
}

CASE(signal) {
  struct sigaction now;
  signal(SIGUSR1, SIG_DFL);
  HOLDS(signal, "gives SIG_DFL where that was the action", signal(SIGUSR1, plain) == SIG_DFL);
  HOLDS(signal, "gives the previous handler", signal(SIGUSR1, SIG_IGN) == plain);
  HOLDS(signal, "gives SIG_IGN", signal(SIGUSR1, plain) == SIG_IGN);
  CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
  HOLDS(signal, "BSD: calls are restarted, the handler stays",
        (now.sa_flags & SA_RESTART) != 0 && (now.sa_flags & (int)SA_RESETHAND) == 0);
  HOLDS(signal, "SIG_ERR and EINVAL for a number that is none",
        (errno = 0, signal(SIGRTMAX + 1, plain)) == SIG_ERR && errno == EINVAL);
  HOLDS(signal, "SIG_ERR and EINVAL for SIGKILL", (errno = 0, signal(SIGKILL, plain)) == SIG_ERR && errno == EINVAL);
  HOLDS(siginterrupt, "calls are no longer restarted",
        siginterrupt(SIGUSR1, 1) == 0 && sigaction(SIGUSR1, NULL, &now) == 0 && (now.sa_flags & SA_RESTART) == 0 &&
            now.sa_handler == plain);
  HOLDS(siginterrupt, "or again",
        siginterrupt(SIGUSR1, 0) == 0 && sigaction(SIGUSR1, NULL, &now) == 0 && (now.sa_flags & SA_RESTART) != 0);
  HOLDS(siginterrupt, "-1 and EINVAL for a number that is none",
        (errno = 0, siginterrupt(SIGRTMAX + 1, 0)) == -1 && errno == EINVAL);
  HOLDS(sysv_signal, "the action is reset, and the signal not blocked",
        sysv_signal(SIGUSR1, plain) == plain && sigaction(SIGUSR1, NULL, &now) == 0 &&
            (now.sa_flags & (int)(SA_RESETHAND | SA_NODEFER)) == (int)(SA_RESETHAND | SA_NODEFER));
  CHECK_EQ(raise(SIGUSR1), 0);
  HOLDS(sysv_signal, "after one signal", signal(SIGUSR1, SIG_DFL) == SIG_DFL);
}

static int system_v_count;

static void count(int number) {
  (void)number;
  system_v_count++;
}

static void system_v(void* unused) {
  (void)unused;
  system_v_count = 0;
  HOLDS(sigset, "gives the previous action", sigset(SIGUSR1, count) == SIG_DFL);
  HOLDS(sighold, "blocks the signal", sighold(SIGUSR1) == 0 && is_blocked(SIGUSR1));
  raise(SIGUSR1);
  HOLDS(sigset, "SIG_HOLD where it was blocked; and it is unblocked, and delivered",
        sigset(SIGUSR1, count) == SIG_HOLD && !is_blocked(SIGUSR1) && system_v_count == 1);
  HOLDS(sigset, "SIG_HOLD blocks", sigset(SIGUSR1, SIG_HOLD) == count && is_blocked(SIGUSR1));
  raise(SIGUSR1);
  HOLDS(sigrelse, "unblocks, and what is pending is delivered", sigrelse(SIGUSR1) == 0 && system_v_count == 2);
  HOLDS(sigignore, "ignores", sigignore(SIGUSR1) == 0 && raise(SIGUSR1) == 0 && system_v_count == 2);
  HOLDS(sigset, "gives SIG_IGN", sigset(SIGUSR1, SIG_DFL) == SIG_IGN);
  HOLDS(sighold, "-1 and EINVAL for a number that is none", (errno = 0, sighold(65)) == -1 && errno == EINVAL);
  HOLDS(sigset, "SIG_ERR and EINVAL for SIGKILL", (errno = 0, sigset(SIGKILL, count)) == SIG_ERR && errno == EINVAL);
  HOLDS(sigblock, "adds to the mask and gives the old one",
        sigblock(BIT(SIGUSR1)) == 0 && is_blocked(SIGUSR1) && sigblock(0) == BIT(SIGUSR1));
  HOLDS(sigsetmask, "sets the mask and gives the old one", sigsetmask(0) == BIT(SIGUSR1) && !is_blocked(SIGUSR1));
}

CASE(system_v) { system_v(NULL); }

CASE(system_v_in_thread) {
  struct Servant servant;
  hire(&servant);
  ask(&servant, system_v, NULL);
  dismiss(&servant);
}

static void ignore_and_handle(void) {
  unsigned long long ignored = 0, caught = 0;
  signal(SIGUSR1, SIG_IGN);
  handle(SIGUSR2, 0);
  FILE* child = popen("grep -E 'Sig(Ign|Cgt)' /proc/self/status", "r");
  if (child == NULL || fscanf(child, " SigIgn: %llx SigCgt: %llx", &ignored, &caught) != 2) _exit(1);
  pclose(child);
  if ((ignored & (BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(SIGPIPE))) != BIT(SIGUSR1)) _exit(2);
  if ((caught & (BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(SIGPIPE))) != 0) _exit(3);
}

static void check_handled(void) {
  struct sigaction now;
  if (sigaction(SIGUSR1, NULL, &now) != 0 || now.sa_sigaction != see) _exit(1);
  raise(SIGUSR1);
  if (!saw_once(SIGUSR1, pthread_self())) _exit(2);
}

CASE(processes) {
  struct Servant servant;
  forget_seen();
  hire(&servant);
  handle(SIGUSR1, 0);
  HOLDS(fork, "the child has the parent's actions", status_of(check_handled) == 0);
  HOLDS(execve, "ignored signals stay ignored, handled ones get the default action", status_of(ignore_and_handle) == 0);
  dismiss(&servant);
}

static void* raise_usr1(void* unused) {
  raise(SIGUSR1);
  return unused;
}

CASE(reset_once) {
  forget_seen();
  handle(SIGUSR1, SA_RESETHAND);
  join(start(raise_usr1, NULL));
  struct sigaction now;
  CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
  HOLDS(sigaction, "SA_RESETHAND: a signal to one thread resets the action for all",
        seen_count() == 1 && now.sa_handler == SIG_DFL);
}
