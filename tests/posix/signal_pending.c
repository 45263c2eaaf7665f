// Pending signals of a thread and of the process. POSIX.1-2017 2.4, signal(7).
#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static void pending_of_thread(void* argument) {
  struct Servant* other = argument;
  sigset_t set;
  handle(SIGUSR1, 0);
  block(SIGUSR1);
  HOLDS(sigpending, "none at first", sigpending(&set) == 0 && sigisemptyset(&set));
  pthread_kill(pthread_self(), SIGUSR1);
  HOLDS(sigpending, "a blocked signal that was sent to the thread", is_pending(SIGUSR1));
  HOLDS(sigpending, "a blocked signal is not delivered", seen_count() == 0);
  HOLDS(sigpending, "and no other", sigpending(&set) == 0 && !sigismember(&set, SIGUSR2));
  pthread_kill(pthread_self(), SIGUSR1);
  pthread_kill(pthread_self(), SIGUSR1);
  unblock(SIGUSR1);
  HOLDS(pthread_sigmask, "a pending signal that is unblocked is delivered before it returns",
        saw_once(SIGUSR1, pthread_self()));
  HOLDS(pthread_kill, "a standard signal that is pending already is delivered once", seen_count() == 1);
  HOLDS(sigpending, "no longer what was delivered", !is_pending(SIGUSR1));
  (void)other;
}

CASE(main_thread) {
  forget_seen();
  pending_of_thread(NULL);
}

CASE(other_thread) {
  struct Servant servant;
  forget_seen();
  hire(&servant);
  ask(&servant, pending_of_thread, NULL);
  dismiss(&servant);
}

static void note_pending(void* result) { *(bool*)result = is_pending(SIGUSR1); }

static void unblock_usr1(void* unused) {
  (void)unused;
  unblock(SIGUSR1);
}

CASE(whose) {
  struct Servant one, two;
  bool one_has = false, two_has = false;
  forget_seen();
  handle(SIGUSR1, 0);
  block(SIGUSR1);
  hire(&one);
  hire(&two);
  pthread_kill(one.thread, SIGUSR1);
  ask(&one, note_pending, &one_has);
  ask(&two, note_pending, &two_has);
  HOLDS(pthread_kill, "is pending for the thread it was sent to", one_has);
  HOLDS(pthread_kill, "and for no other", !two_has && !is_pending(SIGUSR1));
  ask(&two, unblock_usr1, NULL);
  HOLDS(pthread_kill, "is not delivered to another that unblocks it", seen_count() == 0);
  ask(&one, unblock_usr1, NULL);
  HOLDS(pthread_kill, "is delivered to the thread when it unblocks it", saw_once(SIGUSR1, one.thread));
  dismiss(&one);
  dismiss(&two);
  unblock(SIGUSR1);
}

CASE(of_process) {
  struct Servant one, two;
  bool one_has = false, two_has = false;
  forget_seen();
  handle(SIGUSR1, 0);
  block(SIGUSR1);
  hire(&one);
  hire(&two);
  kill(getpid(), SIGUSR1);
  ask(&one, note_pending, &one_has);
  ask(&two, note_pending, &two_has);
  HOLDS(kill, "is pending for the process where all threads block it", is_pending(SIGUSR1) && one_has && two_has);
  ask(&two, unblock_usr1, NULL);
  HOLDS(kill, "is delivered to the first thread that unblocks it", saw_once(SIGUSR1, two.thread));
  ask(&one, unblock_usr1, NULL);
  unblock(SIGUSR1);
  HOLDS(kill, "is delivered to one thread only", seen_count() == 1);
  dismiss(&one);
  dismiss(&two);
}

static bool saw_values(const int* values, int count) {
  if (seen_count() != count) return false;
  for (int i = 0; i < count; i++)
    if (seen_at(i).value != values[i]) return false;
  return true;
}

static void queue(int number, int value) {
  CHECK_EQ(pthread_sigqueue(pthread_self(), number, (union sigval){.sival_int = value}), 0);
}

static void realtime(void* unused) {
  (void)unused;
  sigset_t set, old;
  sigfillset(&set);
  for (int i = 0; i < 3; i++) handle_alone(SIGRTMIN + i, 0);
  pthread_sigmask(SIG_SETMASK, &set, &old);
  for (int i = 1; i <= 5; i++) queue(SIGRTMIN, i);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  HOLDS(pthread_sigqueue, "realtime signals queue, each with its value, first in first out",
        saw_values((int[]){1, 2, 3, 4, 5}, 5));
  forget_seen();
  pthread_sigmask(SIG_SETMASK, &set, &old);
  for (int i = 2; i >= 0; i--) queue(SIGRTMIN + i, i);
  queue(SIGRTMIN, 7);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  HOLDS(pthread_sigqueue, "of several realtime signals the lowest number is delivered first",
        saw_values((int[]){0, 7, 1, 2}, 4));
  forget_seen();
  handle_alone(SIGUSR1, 0);
  pthread_sigmask(SIG_SETMASK, &set, &old);
  for (int i = 1; i <= 3; i++) queue(SIGUSR1, i);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  HOLDS(pthread_sigqueue, "a standard signal keeps the value of the first", saw_values((int[]){1}, 1));
  forget_seen();
  pthread_sigmask(SIG_SETMASK, &set, &old);
  queue(SIGRTMIN, 1);
  queue(SIGUSR1, 2);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  HOLDS(pthread_sigqueue, "Linux delivers standard signals before realtime ones", saw_values((int[]){2, 1}, 2));
}

CASE(realtime) {
  forget_seen();
  realtime(NULL);
}

CASE(realtime_in_thread) {
  struct Servant servant;
  forget_seen();
  hire(&servant);
  ask(&servant, realtime, NULL);
  dismiss(&servant);
}

CASE(thread_before_process) {
  forget_seen();
  handle_alone(SIGRTMIN, 0);
  block(SIGRTMIN);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
  pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){.sival_int = 2});
  unblock(SIGRTMIN);
  HOLDS(sigqueue, "the thread's own pending signals come before those of the process", saw_values((int[]){2, 1}, 2));
}

static void ignored(void* unused) {
  (void)unused;
  handle(SIGUSR1, 0);
  block(SIGUSR1);
  pthread_kill(pthread_self(), SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  HOLDS(sigaction, "to ignore a pending signal discards it, blocked or not", !is_pending(SIGUSR1));
  handle(SIGUSR1, 0);
  unblock(SIGUSR1);
  HOLDS(sigaction, "what was discarded is not delivered", seen_count() == 0);
  handle(SIGURG, 0);
  block(SIGURG);
  pthread_kill(pthread_self(), SIGURG);
  signal(SIGURG, SIG_DFL);
  HOLDS(sigaction, "so does the default action where that is to ignore", !is_pending(SIGURG));
  unblock(SIGURG);
  block(SIGCHLD);
  pthread_kill(pthread_self(), SIGCHLD);
  HOLDS(pthread_kill, "Linux keeps a blocked signal even where its action is to ignore", is_pending(SIGCHLD));
  unblock(SIGCHLD);
  HOLDS(pthread_sigmask, "and drops it when it is unblocked", !is_pending(SIGCHLD));
}

CASE(ignored) {
  forget_seen();
  ignored(NULL);
}

CASE(ignored_in_thread) {
  struct Servant servant;
  forget_seen();
  hire(&servant);
  ask(&servant, ignored, NULL);
  dismiss(&servant);
}

static void none_pending(void) {
  sigset_t set;
  if (sigpending(&set) != 0 || !sigisemptyset(&set)) _exit(1);
}

static void fork_while_pending(void* result) { *(bool*)result = status_of(none_pending) == 0; }

CASE(new_ones) {
  struct Servant servant;
  bool has = true, child_has_none = false;
  forget_seen();
  handle(SIGUSR1, 0);
  block(SIGUSR1);
  pthread_kill(pthread_self(), SIGUSR1);
  hire(&servant);
  ask(&servant, note_pending, &has);
  HOLDS(pthread_create, "the set of signals pending for the new thread is empty", !has);
  HOLDS(fork, "the set of signals pending for the child is empty", status_of(none_pending) == 0);
  pthread_kill(servant.thread, SIGUSR1);
  ask(&servant, fork_while_pending, &child_has_none);
  HOLDS(fork, "also where another thread than the main one forks", child_has_none);
  dismiss(&servant);
  unblock(SIGUSR1);
}

CASE(wrong) {
  sigset_t* volatile nowhere = (sigset_t*)8;
  HOLDS(sigpending, "EFAULT where the set cannot be written",
        (errno = 0, sigpending(nowhere)) == -1 && errno == EFAULT);
}
