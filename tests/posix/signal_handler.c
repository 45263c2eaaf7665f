// What holds while a handler runs, and after it: masks, nesting, flags, the context. POSIX.1-2017 sigaction.
#include <sched.h>
#include <ucontext.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static struct {
  bool own, other, third, before_in_context;
  int number;
  siginfo_t information;
} inside;

static void look(int number, siginfo_t* information, void* context) {
  inside.number = number;
  inside.information = *information;
  inside.own = is_blocked(number);
  inside.other = is_blocked(SIGUSR2);
  inside.third = is_blocked(SIGTERM);
  inside.before_in_context = sigismember(&((ucontext_t*)context)->uc_sigmask, SIGTERM) == 1 &&
                             sigismember(&((ucontext_t*)context)->uc_sigmask, number) == 0;
}

static void look_with(int flags, bool blocks_other) {
  struct sigaction action = {.sa_sigaction = look, .sa_flags = flags | SA_SIGINFO};
  if (blocks_other) action.sa_mask = set_of(SIGUSR2);
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
}

static void masks(void* unused) {
  (void)unused;
  block(SIGTERM);
  look_with(0, true);
  HOLDS(sigaction, "the signal itself is blocked in the handler", inside.own);
  HOLDS(sigaction, "and what sa_mask has", inside.other);
  HOLDS(sigaction, "and what the thread blocked before", inside.third);
  HOLDS(sigaction, "the handler is given the number, and si_signo is the same",
        inside.number == SIGUSR1 && inside.information.si_signo == SIGUSR1);
  HOLDS(sigaction, "uc_sigmask is the mask before the handler", inside.before_in_context);
  HOLDS(sigaction, "the mask is restored when the handler returns",
        !is_blocked(SIGUSR1) && !is_blocked(SIGUSR2) && is_blocked(SIGTERM));
  look_with(0, false);
  HOLDS(sigaction, "what sa_mask has not is not blocked", inside.own && !inside.other);
  look_with(SA_NODEFER, true);
  HOLDS(sigaction, "SA_NODEFER: the signal itself is not blocked", !inside.own && inside.other && inside.third);
  unblock(SIGTERM);
}

static int depth, deepest;

static void raise_again(int number, siginfo_t* information, void* context) {
  (void)information;
  (void)context;
  depth++;
  if (depth > deepest) deepest = depth;
  if (seen_count() < 3) {
    see(number, information, context);
    raise(number);
  }
  depth--;
}

static void again(void* unused) {
  (void)unused;
  forget_seen();
  deepest = 0;
  handle_with(SIGUSR1, 0, raise_again);
  raise(SIGUSR1);
  HOLDS(sigaction, "a signal that comes during its own handler is delivered after it", deepest == 1);
  HOLDS(sigaction, "each time", seen_count() == 3);
  forget_seen();
  handle_with(SIGUSR1, SA_NODEFER, raise_again);
  raise(SIGUSR1);
  HOLDS(sigaction, "SA_NODEFER: it interrupts its own handler", deepest == 4 && depth == 0);
}

static bool was_nested;

static void raise_other(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  raise(SIGUSR2);
  was_nested = seen_count() == 2;
}

static void nested(void* unused) {
  (void)unused;
  forget_seen();
  handle(SIGUSR2, 0);
  handle_with(SIGUSR1, 0, raise_other);
  raise(SIGUSR1);
  HOLDS(sigaction, "another signal's handler interrupts a handler", was_nested && seen_count() == 2);
  forget_seen();
  struct sigaction action = {.sa_sigaction = raise_other, .sa_flags = SA_SIGINFO, .sa_mask = set_of(SIGUSR2)};
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  raise(SIGUSR1);
  HOLDS(sigaction, "unless sa_mask blocks it: then it runs after it", !was_nested && seen_count() == 2);
}

static void change_context(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGUSR2);
}

static void change_own_mask(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  block(SIGUSR2);
}

static void unblock_own(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  if (seen_count() == 1) {
    unblock(number);
    raise(number);
    was_nested = seen_count() == 2;
  }
}

static void contexts(void* unused) {
  (void)unused;
  handle_with(SIGUSR1, 0, change_own_mask);
  raise(SIGUSR1);
  HOLDS(sigaction, "a mask that the handler sets ends with it", !is_blocked(SIGUSR2));
  forget_seen();
  handle_with(SIGUSR1, 0, unblock_own);
  raise(SIGUSR1);
  HOLDS(sigaction, "but holds within: a handler may let its own signal in", was_nested);
  handle_with(SIGUSR1, 0, change_context);
  raise(SIGUSR1);
  HOLDS(sigaction, "what the handler changes in uc_sigmask is the mask after it", is_blocked(SIGUSR2));
  handle(SIGUSR2, 0);
  forget_seen();
  raise(SIGUSR2);
  HOLDS(sigaction, "and blocks", seen_count() == 0 && is_pending(SIGUSR2));
  unblock(SIGUSR2);
  HOLDS(sigaction, "until it is unblocked", saw_once(SIGUSR2, pthread_self()));
}

static int plain_number;

static void plain(int number) { plain_number = number; }

static void flags(void* unused) {
  (void)unused;
  struct sigaction action = {.sa_handler = plain}, now;
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  raise(SIGUSR1);
  HOLDS(sigaction, "without SA_SIGINFO the handler is given the number", plain_number == SIGUSR1);
  forget_seen();
  handle(SIGUSR1, SA_RESETHAND);
  raise(SIGUSR1);
  CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
  HOLDS(sigaction, "SA_RESETHAND: the action is the default one after the first signal",
        seen_count() == 1 && now.sa_handler == SIG_DFL);
  handle_with(SIGUSR1, SA_RESETHAND, look);
  raise(SIGUSR1);
  HOLDS(sigaction, "SA_RESETHAND: Linux blocks the signal in the handler all the same", inside.own);
}

static void all(void* unused) {
  masks(unused);
  again(unused);
  nested(unused);
  contexts(unused);
  flags(unused);
}

CASE(main_thread) { all(NULL); }

CASE(other_thread) {
  struct Servant servant;
  hire(&servant);
  ask(&servant, all, NULL);
  dismiss(&servant);
}

static int in_handler;

// Waits for the other thread's handler of the same signal.
static void meet_other(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  __atomic_fetch_add(&in_handler, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&in_handler, __ATOMIC_SEQ_CST) < 2) sched_yield();
}

CASE(two_threads) {
  struct Servant one, two;
  forget_seen();
  in_handler = 0;
  handle_with(SIGUSR1, 0, meet_other);
  hire(&one);
  hire(&two);
  pthread_kill(one.thread, SIGUSR1);
  await_seen(1);
  pthread_kill(two.thread, SIGUSR1);
  await_seen(2);
  dismiss(&one);
  dismiss(&two);
  HOLDS(
      sigaction, "the handler of one signal runs in two threads at once, as each has its own mask",
      in_handler == 2 && pthread_equal(seen_at(0).thread, one.thread) && pthread_equal(seen_at(1).thread, two.thread));
}

static int pipe_ends[2], read_in_handler;

static void read_there(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  char byte = 0;
  ssize_t got = read(pipe_ends[0], &byte, 1);
  __atomic_store_n(&read_in_handler, got == 1 && byte == 'x', __ATOMIC_RELEASE);
}

CASE(blocking_handler) {
  struct Servant servant;
  forget_seen();
  CHECK_EQ(pipe(pipe_ends), 0);
  handle_with(SIGUSR1, 0, read_there);
  hire(&servant);
  pthread_kill(servant.thread, SIGUSR1);
  await_seen(1);
  CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
  dismiss(&servant);
  HOLDS(read, "may block in a handler while other threads go on", read_in_handler);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

static sem_t posted;

static void post_there(int number, siginfo_t* information, void* context) {
  CHECK_EQ(sem_post(&posted), 0);
  see(number, information, context);
}

CASE(safe_functions) {
  struct Servant servant;
  sem_init(&posted, 0, 0);
  handle_with(SIGUSR1, 0, post_there);
  hire(&servant);
  forget_seen();
  pthread_kill(servant.thread, SIGUSR1);
  while (sem_wait(&posted) != 0) continue;
  HOLDS(sem_post, "in a handler wakes another thread", true);
  await_seen(1);
  pthread_kill(pthread_self(), SIGUSR1);
  HOLDS(sem_post, "in a handler of the thread that waits next lets it pass", sem_wait(&posted) == 0);
  dismiss(&servant);
}
