// pause and sigsuspend: they end when a handler has run on their thread, which alone does not block the signal.
#include <signal.h>

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

static void wait_with_pause(void* unused) {
  (void)unused;
  CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &signals, NULL), 0);
  CHECK_FAILS(pause(), EINTR);
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

CASE(pause) { meet(wait_with_pause, send_until_it_ends, NULL); }

static void suspend_with(int (*call)(const sigset_t*)) {
  sigset_t none, mask;
  sigemptyset(&none);
  int before = __atomic_load_n(&handled, __ATOMIC_SEQ_CST);
  CHECK_FAILS(call(&none), EINTR);
  CHECK_EQ(__atomic_load_n(&handled, __ATOMIC_SEQ_CST), before + 1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  CHECK_EQ(sigismember(&mask, SIGUSR1), 1);  // the mask is again what it was
}

static void suspend(void* unused) {
  (void)unused;
  suspend_with(sigsuspend);
}

static void suspend_by_old_name(void* unused) {
  (void)unused;
  suspend_with(__sigsuspend);
}

static void send_once(void* unused) {
  (void)unused;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

CASE(sigsuspend) {
  meet(suspend, send_once, NULL);
  sigset_t* volatile nowhere = (sigset_t*)8;
  CHECK_FAILS(sigsuspend(nowhere), EFAULT);
}

CASE(__sigsuspend) { meet(suspend_by_old_name, send_once, NULL); }
