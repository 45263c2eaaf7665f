// pause and sigsuspend: they end when a handler has run on their thread, which alone does not block the signal.
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/case.h"

int __sigsuspend(const sigset_t* mask);

static sigset_t signals;
static int handled, has_ended;

static void on_signal(int number) {
  (void)number;
  __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

__attribute__((constructor)) static void block_signals(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};  // which changes nothing for these calls
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
}

static int pause_by_number(void) { return (int)syscall(SYS_pause); }

static int suspend_by_number(const sigset_t* mask) { return (int)syscall(SYS_rt_sigsuspend, mask, 8L); }

static void wait_with(void* call) {
  CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &signals, NULL), 0);
  CHECK_FAILS((*(int (**)(void))call)(), EINTR);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
  set_flag(&has_ended);
}

// The first signal may come before the pause has begun.
static void send_until_it_ends(void* unused) {
  (void)unused;
  while (!is_set(&has_ended)) {
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    usleep(1000);
  }
  has_ended = 0;
}

CASE(pause) {
  int (*calls[])(void) = {pause, pause_by_number};
  for (int i = 0; i < 2; i++) meet(wait_with, send_until_it_ends, &calls[i]);
}

static void suspend_with(void* call) {
  sigset_t none, mask;
  sigemptyset(&none);
  int before = __atomic_load_n(&handled, __ATOMIC_SEQ_CST);
  CHECK_FAILS((*(int (**)(const sigset_t*))call)(&none), EINTR);
  CHECK_EQ(__atomic_load_n(&handled, __ATOMIC_SEQ_CST), before + 1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  CHECK_EQ(sigismember(&mask, SIGUSR1), 1);  // the mask is again what it was
}

static void send_once(void* unused) {
  (void)unused;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

CASE(sigsuspend) {
  int (*calls[])(const sigset_t*) = {sigsuspend, suspend_by_number};
  for (int i = 0; i < 2; i++) meet(suspend_with, send_once, &calls[i]);
  sigset_t* volatile nowhere = (sigset_t*)8;
  CHECK_FAILS(sigsuspend(nowhere), EFAULT);
}

CASE(__sigsuspend) {
  int (*call)(const sigset_t*) = __sigsuspend;
  meet(suspend_with, send_once, &call);
}
