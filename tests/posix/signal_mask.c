// The signal mask of each thread: pthread_sigmask, sigprocmask, inheritance. POSIX.1-2017, glibc's manual, Linux.
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

enum { kThreads = 20, kRounds = 200 };

static bool mask_is(const int* numbers, int count) {
  for (int number = 1; number <= SIGRTMAX; number++) {
    bool expected = false;
    for (int i = 0; i < count; i++) expected = expected || numbers[i] == number;
    if (number != 32 && number != 33 && is_blocked(number) != expected) return false;
  }
  return true;
}

#define MASK_IS(...) mask_is((int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

static void change(void* unused) {
  (void)unused;
  sigset_t set = set_of(SIGUSR1), other = set_of(SIGUSR2), old, full;
  sigfillset(&full);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  HOLDS(pthread_sigmask, "SIG_SETMASK: the mask is the set", MASK_IS(SIGUSR1));
  pthread_sigmask(SIG_BLOCK, &other, &old);
  HOLDS(pthread_sigmask, "SIG_BLOCK: the mask is the union with the set", MASK_IS(SIGUSR1, SIGUSR2));
  HOLDS(pthread_sigmask, "gives the previous mask", sigismember(&old, SIGUSR1) == 1 && sigismember(&old, SIGUSR2) == 0);
  pthread_sigmask(SIG_UNBLOCK, &set, &old);
  HOLDS(pthread_sigmask, "SIG_UNBLOCK: the set is taken out of the mask", MASK_IS(SIGUSR2));
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  HOLDS(pthread_sigmask, "SIG_UNBLOCK of what is not blocked changes nothing", MASK_IS(SIGUSR2));
  HOLDS(pthread_sigmask, "without a set the value of how is not significant, and nothing changes",
        pthread_sigmask(77, NULL, &old) == 0 && MASK_IS(SIGUSR2) && sigismember(&old, SIGUSR2) == 1);
  errno = 77;
  HOLDS(pthread_sigmask, "EINVAL for another how, returned and not in errno",
        pthread_sigmask(77, &set, NULL) == EINVAL && errno == 77 && MASK_IS(SIGUSR2));
  pthread_sigmask(SIG_SETMASK, &full, NULL);
  HOLDS(pthread_sigmask, "cannot block SIGKILL and SIGSTOP, which is no error",
        !is_blocked(SIGKILL) && !is_blocked(SIGSTOP));
  int blocked = 0;
  for (int number = 1; number <= SIGRTMAX; number++) blocked += number != 32 && number != 33 && is_blocked(number);
  HOLDS(pthread_sigmask, "blocks all others of sigfillset", blocked == 60);
  sigemptyset(&full);
  pthread_sigmask(SIG_SETMASK, &full, NULL);
  int errors = (errno = 77, sigprocmask(SIG_BLOCK, &set, &old)) != 0 || errno != 77 || !MASK_IS(SIGUSR1);
  HOLDS(sigprocmask, "changes the mask of the calling thread", errors == 0);
  HOLDS(sigprocmask, "-1 and EINVAL for another how",
        (errno = 0, sigprocmask(77, &set, NULL)) == -1 && errno == EINVAL && MASK_IS(SIGUSR1));
  pthread_sigmask(SIG_SETMASK, &full, NULL);
}

CASE(main_thread) { change(NULL); }

CASE(other_thread) {
  struct Servant servant;
  hire(&servant);
  ask(&servant, change, NULL);
  dismiss(&servant);
}

static void note_mask(void* result) { *(bool*)result = is_blocked(SIGUSR1); }

static void block_usr1(void* unused) {
  (void)unused;
  block(SIGUSR1);
}

CASE(inheritance) {
  struct Servant open, closed;
  bool is_open_blocked = true, is_closed_blocked = false;
  hire(&open);
  block(SIGUSR1);
  hire(&closed);
  ask(&closed, note_mask, &is_closed_blocked);
  HOLDS(pthread_create, "the signal mask is inherited from the creating thread", is_closed_blocked);
  ask(&open, note_mask, &is_open_blocked);
  HOLDS(pthread_sigmask, "a change in one thread leaves the mask of another", !is_open_blocked);
  unblock(SIGUSR1);
  ask(&closed, note_mask, &is_closed_blocked);
  HOLDS(pthread_sigmask, "a change in the creator comes too late for the created", is_closed_blocked);
  ask(&open, block_usr1, NULL);
  HOLDS(pthread_sigmask, "a change in a thread leaves the mask of its creator", !is_blocked(SIGUSR1));
  dismiss(&open);
  dismiss(&closed);
}

struct Keeper {
  int number;
  bool kept;
};

static void* keep(void* argument) {
  struct Keeper* keeper = argument;
  block(keeper->number);
  keeper->kept = true;
  for (int i = 0; i < kRounds; i++) {
    sched_yield();
    if (!MASK_IS(keeper->number)) keeper->kept = false;
  }
  return NULL;
}

CASE(each_its_own) {
  pthread_t threads[kThreads];
  struct Keeper keepers[kThreads];
  for (int i = 0; i < kThreads; i++) {
    keepers[i] = (struct Keeper){SIGRTMIN + i, false};
    threads[i] = start(keep, &keepers[i]);
  }
  join_all(threads, kThreads);
  int kept = 0;
  for (int i = 0; i < kThreads; i++) kept += keepers[i].kept;
  HOLDS(pthread_sigmask, "twenty threads that take turns keep a mask each", kept == kThreads);
  HOLDS(pthread_sigmask, "and leave that of main alone", mask_is(NULL, 0));
}

static void* give_mask(void* result) {
  note_mask(result);
  return NULL;
}

CASE(attribute) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t set = set_of(SIGUSR1), got;
  bool is_set_in_thread = false;
  pthread_attr_init(&attributes);
  HOLDS(pthread_attr_getsigmask_np, "PTHREAD_ATTR_NO_SIGMASK_NP where none is set",
        pthread_attr_getsigmask_np(&attributes, &got) == PTHREAD_ATTR_NO_SIGMASK_NP);
  HOLDS(pthread_attr_setsigmask_np, "takes a set", pthread_attr_setsigmask_np(&attributes, &set) == 0);
  HOLDS(pthread_attr_getsigmask_np, "gives it",
        pthread_attr_getsigmask_np(&attributes, &got) == 0 && sigismember(&got, SIGUSR1) == 1);
  CHECK_EQ(pthread_create(&thread, &attributes, give_mask, &is_set_in_thread), 0);
  join(thread);
  HOLDS(pthread_attr_setsigmask_np, "the thread starts with that mask", is_set_in_thread);
  HOLDS(pthread_attr_setsigmask_np, "its creator keeps its own", !is_blocked(SIGUSR1));
  pthread_attr_destroy(&attributes);
}

static void child_with_mask(void) {
  if (!MASK_IS(SIGUSR2)) _exit(1);
}

static void fork_with_mask(void* result) {
  block(SIGUSR2);
  *(bool*)result = status_of(child_with_mask) == 0;
  unblock(SIGUSR2);
}

static void execute_with_mask(void) {
  execlp("grep", "grep", "-q", "^SigBlk:[[:space:]]*0*800$", "/proc/self/status", (char*)NULL);
  _exit(127);
}

static void mask_over_exec(void* result) {
  block(SIGUSR2);
  *(bool*)result = status_of(execute_with_mask) == 0;
  unblock(SIGUSR2);
}

CASE(processes) {
  struct Servant servant;
  bool holds = false;
  hire(&servant);
  block(SIGUSR1);  // not the mask of the thread that forks
  ask(&servant, fork_with_mask, &holds);
  HOLDS(fork, "the child has the signal mask of the thread that forks", holds);
  unblock(SIGUSR1);
  ask(&servant, mask_over_exec, &holds);
  HOLDS(execlp, "the signal mask of the calling thread is kept", holds);
  dismiss(&servant);
}
