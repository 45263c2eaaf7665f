// sigwait, sigwaitinfo, sigtimedwait: all threads block the signals, and one takes them.
#include <signal.h>

#include "tests/support/case.h"

enum { kValue = 42, kShort = 20, kThreads = 5 };

static sigset_t awaited;

// As programs should, before there are threads.
__attribute__((constructor)) static void block_signals(void) {
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGUSR1);
  sigaddset(&awaited, SIGCHLD);  // which is ignored where it is not blocked
  sigaddset(&awaited, SIGRTMIN);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &awaited, NULL), 0);
}

static void wait_for_any(void* signal_to_send) {
  int signal = 0;
  errno = 77;
  CHECK_EQ(sigwait(&awaited, &signal), 0);
  CHECK_EQ(errno, 77);
  CHECK_EQ(signal, *(int*)signal_to_send);
}

static void send_signal(void* signal_to_send) { CHECK_EQ(kill(getpid(), *(int*)signal_to_send), 0); }

CASE(sigwait) {
  int signals[] = {SIGUSR1, SIGCHLD, SIGRTMIN};
  for (int i = 0; i < 3; i++) meet(wait_for_any, send_signal, &signals[i]);
}

static void send_value(void* unused) {
  (void)unused;
  CHECK_EQ(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = kValue}), 0);
}

static void check_information(int result, const siginfo_t* information) {
  CHECK_EQ(result, SIGUSR1);
  CHECK_EQ(errno, 77);
  CHECK_EQ(information->si_signo, SIGUSR1);
  CHECK_EQ(information->si_code, SI_QUEUE);
  CHECK_EQ(information->si_pid, getpid());
  CHECK_EQ(information->si_value.sival_int, kValue);
}

static void wait_with_information(void* unused) {
  (void)unused;
  siginfo_t information;
  errno = 77;
  int result = sigwaitinfo(&awaited, &information);
  check_information(result, &information);
}

CASE(sigwaitinfo) { meet(wait_with_information, send_value, NULL); }

static void wait_in_time(void* unused) {
  (void)unused;
  siginfo_t information;
  struct timespec length = {100, 0};
  errno = 77;
  int result = sigtimedwait(&awaited, &information, &length);
  check_information(result, &information);
}

static void wait_without_end(void* unused) {
  (void)unused;
  siginfo_t information;
  errno = 77;
  int result = sigtimedwait(&awaited, &information, NULL);
  check_information(result, &information);
}

CASE(sigtimedwait) {
  meet(wait_in_time, send_value, NULL);
  meet(wait_without_end, send_value, NULL);
}

static void* check_times_and_errors(void* unused) {
  struct timespec length = {0, kShort * 1000000}, none = {0, 0}, wrong = {0, 1000000000}, negative = {-1, 0};
  struct timespec* volatile nowhere = (struct timespec*)8;
  sigset_t* volatile no_set = (sigset_t*)8;
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(sigtimedwait(&awaited, NULL, &length), EAGAIN);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= kShort * 1000000LL);
  CHECK_FAILS(sigtimedwait(&awaited, NULL, &none), EAGAIN);
  CHECK_FAILS(sigtimedwait(&awaited, NULL, &wrong), EINVAL);
  CHECK_FAILS(sigtimedwait(&awaited, NULL, &negative), EINVAL);
  CHECK_FAILS(sigtimedwait(&awaited, NULL, nowhere), EFAULT);
  CHECK_FAILS(sigtimedwait(no_set, NULL, &length), EFAULT);
  CHECK_FAILS(sigwaitinfo(no_set, NULL), EFAULT);
  int signal = 0;
  CHECK_EQ(sigwait(no_set, &signal), EFAULT);
  return unused;
}

CASE(times_and_errors) {
  check_times_and_errors(NULL);
  join(start(check_times_and_errors, NULL));
}

// Of the signals that are pending the one with the lowest number is taken first; what is queued comes in order.
static void* take_pending(void* unused) {
  siginfo_t information;
  for (int i = 0; i < 3; i++) CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}), 0);
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
  CHECK_EQ(sigwaitinfo(&awaited, NULL), SIGUSR1);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(sigwaitinfo(&awaited, &information), SIGRTMIN);
    CHECK_EQ(information.si_value.sival_int, i);
  }
  CHECK_FAILS(sigtimedwait(&awaited, NULL, &(struct timespec){0, 0}), EAGAIN);
  return unused;
}

CASE(pending_signals) {
  take_pending(NULL);
  join(start(take_pending, NULL));
}

static int taken;

static void* take_one(void* unused) {
  int signal = 0;
  entering();
  CHECK_EQ(sigwait(&awaited, &signal), 0);
  CHECK_EQ(signal, SIGRTMIN);
  __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
  return unused;
}

CASE(each_signal_wakes_one) {
  pthread_t threads[kThreads];
  taken = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(take_one, NULL);
  await_entered(kThreads);
  for (int i = 0; i < kThreads; i++) CHECK_EQ(kill(getpid(), SIGRTMIN), 0);
  join_all(threads, kThreads);
  CHECK_EQ(taken, kThreads);
}
