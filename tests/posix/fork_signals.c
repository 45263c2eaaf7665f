// fork and signals: what of them the child has. POSIX.1-2017, fork; timer_create(2), setitimer(2), alarm(2).
#include <sys/time.h>

#include "tests/posix/child.h"

static volatile sig_atomic_t handled;

static void count(int number) { handled += number == SIGUSR1 ? 1 : 100; }

static sigset_t set_of(int number) {
  sigset_t set;
  sigemptyset(&set);
  if (number != 0) sigaddset(&set, number);
  return set;
}

static bool has_none_pending(void* unused) {
  sigset_t pending;
  (void)unused;
  return sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2);
}

static bool has_mask(void* unused) {
  sigset_t mask;
  (void)unused;
  return pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1) == 1 &&
         sigismember(&mask, SIGUSR2) == 1 && sigismember(&mask, SIGINT) == 0;
}

static bool has_actions(void* unused) {
  struct sigaction action;
  (void)unused;
  return sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == count && (action.sa_flags & SA_RESTART) != 0 &&
         sigismember(&action.sa_mask, SIGUSR2) && sigaction(SIGWINCH, NULL, &action) == 0 &&
         action.sa_handler == SIG_IGN;
}

static bool handles_its_own(void* unused) {
  const sigset_t none = set_of(0);
  (void)unused;
  handled = 0;
  if (pthread_sigmask(SIG_SETMASK, &none, NULL) != 0) return false;
  if (raise(SIGUSR1) != 0 || handled != 1) return false;
  if (kill(getpid(), SIGUSR1) != 0 || handled != 2) return false;
  return pthread_kill(pthread_self(), SIGUSR1) == 0 && handled == 3;
}

static bool takes_its_own(void* unused) {
  const sigset_t usr1 = set_of(SIGUSR1);
  const struct timespec none = {0, 0};
  int number = 0;
  (void)unused;
  if (sigtimedwait(&usr1, NULL, &none) != -1 || errno != EAGAIN) return false;
  return kill(getpid(), SIGUSR1) == 0 && sigwait(&usr1, &number) == 0 && number == SIGUSR1;
}

static void look(void) {
  sigset_t pending, usr1 = set_of(SIGUSR1), usr2 = set_of(SIGUSR2), before;
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr1, &before), 0);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr2, NULL), 0);
  CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
  CHECK_EQ(kill(getpid(), SIGUSR2), 0);
  HOLDS(fork, "signals pending for the thread or the process are not pending in the child",
        in_child(has_none_pending, NULL));
  HOLDS(fork, "they stay pending in the parent",
        sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2));
  HOLDS(fork, "the child has the caller's signal mask", in_child(has_mask, NULL));
  HOLDS(fork, "the child has the parent's actions", in_child(has_actions, NULL));
  HOLDS(fork, "the child's handlers run for what is sent to the child", in_child(handles_its_own, NULL));
  HOLDS(sigwait, "takes what is sent to the child", in_child(takes_its_own, NULL));
  handled = 0;
  CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
  CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &usr2, NULL), 0);
  HOLDS(fork, "the parent's handlers run for the parent's", handled == 101);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void* look_in_thread(void* unused) {
  look();
  return unused;
}

CASE(pending) {
  struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART, .sa_mask = set_of(SIGUSR2)};
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  action.sa_mask = set_of(0);
  CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
  CHECK(signal(SIGWINCH, SIG_IGN) != SIG_ERR);
  look();
  sigset_t usr2 = set_of(SIGUSR2), before;  // a process signal goes to whoever does not block it
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &usr2, &before), 0);
  join(start(look_in_thread, NULL));
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static timer_t timer;

// alarm(2) of fork_limited is set after fork: ask for what was left before that.
static bool has_no_alarm(void) {
  const pid_t child = fork();
  if (child == 0) _exit(alarm(0) == 0 ? 0 : 1);
  return exits_with(child, 0);
}

static bool has_no_timers(void* unused) {
  struct itimerval left;
  struct itimerspec of_timer;
  (void)unused;
  return getitimer(ITIMER_VIRTUAL, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0 &&
         timer_gettime(timer, &of_timer) == -1 && errno == EINVAL;
}

static void* check_timers(void* unused) {
  const struct itimerval long_time = {{0, 0}, {1000, 0}};
  struct itimerval left;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  const struct itimerspec in_long = {{0, 0}, {1000, 0}};
  struct itimerspec of_timer;
  const unsigned before = alarm(1000);
  HOLDS(fork, "an alarm is cancelled in the child", has_no_alarm());
  HOLDS(fork, "and goes on in the parent", alarm(before) > 900);
  CHECK_EQ(setitimer(ITIMER_VIRTUAL, &long_time, NULL), 0);
  CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  CHECK_EQ(timer_settime(timer, 0, &in_long, NULL), 0);
  HOLDS(fork, "interval timers and those of timer_create are not inherited", in_child(has_no_timers, NULL));
  HOLDS(fork, "they go on in the parent",
        getitimer(ITIMER_VIRTUAL, &left) == 0 && left.it_value.tv_sec > 900 && timer_gettime(timer, &of_timer) == 0 &&
            of_timer.it_value.tv_sec > 900);
  CHECK_EQ(timer_delete(timer), 0);
  CHECK_EQ(setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL), 0);
  return unused;
}

CASE(timers) {
  check_timers(NULL);
  join(start(check_timers, NULL));
}

static char* handler_was_at;
static void note_stack(int number) {
  char here;
  handled = number;
  __asm__("" : "=r"(handler_was_at) : "0"(&here));
}

static bool has_stack(void* memory) {
  stack_t stack;
  char* const low = memory;
  return sigaltstack(NULL, &stack) == 0 && stack.ss_sp == memory && stack.ss_size == 65536 && stack.ss_flags == 0 &&
         raise(SIGUSR1) == 0 && handler_was_at > low && handler_was_at < low + stack.ss_size;
}

static void* give_back(void* argument) { return argument; }

static bool has_stack_beside_threads(void* memory) {
  return join(start(give_back, memory)) == memory && has_stack(memory);
}

static void* check_stack(void* unused) {
  static char memory[2][65536];
  const stack_t own = {.ss_sp = memory[unused != NULL], .ss_size = sizeof memory[0]}, none = {.ss_flags = SS_DISABLE};
  CHECK_EQ(sigaltstack(&own, NULL), 0);
  HOLDS(fork, "the child has the caller's alternate stack, and handlers run on it", in_child(has_stack, own.ss_sp));
  HOLDS(fork, "also when it has made threads", in_child(has_stack_beside_threads, own.ss_sp));
  CHECK_EQ(sigaltstack(&none, NULL), 0);
  return unused;
}

CASE(alternate_stack) {
  struct sigaction action = {.sa_handler = note_stack, .sa_flags = SA_ONSTACK};
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  check_stack(NULL);
  join(start(check_stack, &action));
  CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

// Forked inside a handler, which the child goes on with: both come back to what it interrupted.
static volatile pid_t forked;
static void fork_in_handler(int number) {
  (void)number;
  forked = _Fork();  // NOLINT(bugprone-signal-handler): async-signal-safe in POSIX.1-2024
}

static void* fork_and_go_on(void* unused) {
  forked = -1;
  CHECK_EQ(raise(SIGALRM), 0);
  if (forked == 0) _exit(handled == 0 ? 9 : 10);
  HOLDS(_Fork, "in a signal handler: the child returns from that, and goes on", exits_with(forked, 9));
  return unused;
}

static void end_of_child(int number, siginfo_t* information, void* unused) {
  (void)unused;
  (void)number;
  handled = information->si_pid == forked && information->si_code == CLD_EXITED && information->si_status == 6;
}

static int done;
static void* fork_and_wait(void* unused) {
  sigset_t children = set_of(SIGCHLD);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &children, NULL), 0);  // in the forker: the main thread takes it
  forked = fork_limited();
  if (forked == 0) _exit(6);
  set_flag(&done);
  return unused;
}

CASE(handlers) {
  handled = 0;
  CHECK(signal(SIGALRM, fork_in_handler) != SIG_ERR);
  fork_and_go_on(NULL);
  join(start(fork_and_go_on, NULL));
  CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
  struct sigaction action = {.sa_sigaction = end_of_child, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
  sigset_t children = set_of(SIGCHLD), mask;
  CHECK_EQ(sigaction(SIGCHLD, &action, &before), 0);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &children, &mask), 0);
  pthread_t thread = start(fork_and_wait, NULL);
  await_flag(&done);
  while (!handled) sigsuspend(&mask);
  HOLDS(sigaction, "SIGCHLD says which child of a thread has ended how", handled == 1 && exits_with(forked, 6));
  join(thread);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
  CHECK_EQ(sigaction(SIGCHLD, &before, NULL), 0);
}
