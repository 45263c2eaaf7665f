// sigwait, sigwaitinfo, sigtimedwait, sigsuspend, pause, by one thread among several. POSIX.1-2017.
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static sigset_t awaited;
static int is_waiting;

struct Waited {
  int result, error, number;
  siginfo_t information;
};

static void wait_plain(void* argument) {
  struct Waited* waited = argument;
  errno = 77;
  set_flag(&is_waiting);
  waited->result = sigwait(&awaited, &waited->number);
  waited->error = errno;
}

static void wait_info(void* argument) {
  struct Waited* waited = argument;
  errno = 77;
  set_flag(&is_waiting);
  waited->number = waited->result = sigwaitinfo(&awaited, &waited->information);
  waited->error = errno;
}

static void wait_timed(void* argument) {
  struct Waited* waited = argument;
  struct timespec length = {100, 0};
  errno = 77;
  set_flag(&is_waiting);
  waited->number = waited->result = sigtimedwait(&awaited, &waited->information, &length);
  waited->error = errno;
}

__attribute__((constructor)) static void block_all(void) {
  sigemptyset(&awaited);
  int numbers[] = {SIGUSR1, SIGTERM, SIGCHLD, SIGRTMIN, SIGRTMIN + 1};
  for (int i = 0; i < 5; i++) sigaddset(&awaited, numbers[i]);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &awaited, NULL), 0);
}

static struct Waited begun;

static void begin(struct Servant* servant, void (*task)(void*)) {
  is_waiting = 0;
  memset(&begun, 0, sizeof begun);
  request(servant, task, &begun);
  await_flag(&is_waiting);
  usleep(1000);
}

CASE(sigwait) {
  struct Servant servant;
  hire(&servant);
  begin(&servant, wait_plain);
  kill(getpid(), SIGTERM);
  await_done(&servant);
  HOLDS(sigwait, "gives a signal that is sent to the process", begun.result == 0 && begun.number == SIGTERM);
  HOLDS(sigwait, "keeps errno", begun.error == 77);
  HOLDS(sigwait, "and takes it: it is pending no longer", !is_pending(SIGTERM));
  begin(&servant, wait_plain);
  pthread_kill(servant.thread, SIGUSR1);
  await_done(&servant);
  HOLDS(sigwait, "gives a signal that is sent to the thread", begun.result == 0 && begun.number == SIGUSR1);
  pthread_kill(pthread_self(), SIGUSR1);
  begin(&servant, wait_plain);
  kill(getpid(), SIGTERM);
  await_done(&servant);
  HOLDS(sigwait, "not one that is pending for another thread", begun.number == SIGTERM && is_pending(SIGUSR1));
  wait_plain(&begun);
  HOLDS(sigwait, "gives one that is pending already", begun.number == SIGUSR1 && !is_pending(SIGUSR1));
  kill(getpid(), SIGTERM);
  wait_plain(&begun);
  HOLDS(sigwait, "for the process too", begun.number == SIGTERM);
  kill(getpid(), SIGCHLD);
  wait_plain(&begun);
  HOLDS(sigwait, "gives a blocked signal whose default action is to ignore it", begun.number == SIGCHLD);
  dismiss(&servant);
}

static void* wait_in_thread(void* argument) {
  wait_plain(argument);
  return NULL;
}

CASE(several) {
  enum { kThreads = 5 };
  pthread_t threads[kThreads];
  struct Waited waited[kThreads];
  int numbers[] = {SIGUSR1, SIGTERM, SIGCHLD, SIGRTMIN, SIGRTMIN + 1}, sum = 0, expected = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(wait_in_thread, &waited[i]);
  usleep(1000);
  for (int i = 0; i < kThreads; i++) kill(getpid(), numbers[i]);
  join_all(threads, kThreads);
  for (int i = 0; i < kThreads; i++) {
    sum += waited[i].number * waited[i].number;
    expected += numbers[i] * numbers[i];
  }
  HOLDS(sigwait, "of several threads that wait for the same signals one gets each", sum == expected);
}

CASE(sigwaitinfo) {
  struct Servant servant;
  hire(&servant);
  begin(&servant, wait_info);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
  await_done(&servant);
  HOLDS(sigwaitinfo, "gives the number, and errno is kept", begun.result == SIGRTMIN && begun.error == 77);
  HOLDS(sigwaitinfo, "si_code, si_value, si_pid, si_uid are those of sigqueue",
        begun.information.si_code == SI_QUEUE && begun.information.si_value.sival_int == 42 &&
            begun.information.si_pid == getpid() && begun.information.si_uid == getuid());
  begin(&servant, wait_info);
  pthread_sigqueue(servant.thread, SIGRTMIN, (union sigval){.sival_int = 43});
  await_done(&servant);
  HOLDS(sigwaitinfo, "or of pthread_sigqueue",
        begun.information.si_code == SI_QUEUE && begun.information.si_value.sival_int == 43);
  begin(&servant, wait_info);
  pthread_kill(servant.thread, SIGTERM);
  await_done(&servant);
  HOLDS(sigwaitinfo, "or of pthread_kill, which glibc here calls SI_USER",
        begun.result == SIGTERM && begun.information.si_code == SI_USER && begun.information.si_pid == getpid());
  HOLDS(sigwaitinfo, "takes no siginfo_t", kill(getpid(), SIGTERM) == 0 && sigwaitinfo(&awaited, NULL) == SIGTERM);
  for (int i = 1; i >= 0; i--)
    for (int value = 0; value < 2; value++) sigqueue(getpid(), SIGRTMIN + i, (union sigval){.sival_int = value});
  bool in_order = true;
  for (int i = 0; i < 4; i++) {
    wait_info(&begun);
    in_order = in_order && begun.number == SIGRTMIN + i / 2 && begun.information.si_value.sival_int == i % 2;
  }
  HOLDS(sigwaitinfo, "the lowest number first, each number in the order of sending", in_order);
  dismiss(&servant);
}

CASE(sigtimedwait) {
  struct Servant servant;
  struct timespec none = {0, 0}, some = {0, 20000000}, wrong = {0, 1000000000};
  long long before = now_ns(CLOCK_MONOTONIC);
  hire(&servant);
  HOLDS(sigtimedwait, "EAGAIN at once for a zero timeout",
        (errno = 0, sigtimedwait(&awaited, NULL, &none)) == -1 && errno == EAGAIN);
  HOLDS(sigtimedwait, "EAGAIN when the time is over",
        (errno = 0, sigtimedwait(&awaited, NULL, &some)) == -1 && errno == EAGAIN &&
            now_ns(CLOCK_MONOTONIC) - before >= 20000000);
  HOLDS(sigtimedwait, "EINVAL for nanoseconds that are too many",
        (errno = 0, sigtimedwait(&awaited, NULL, &wrong)) == -1 && errno == EINVAL);
  kill(getpid(), SIGTERM);
  HOLDS(sigtimedwait, "gives what is pending, zero timeout or not", sigtimedwait(&awaited, NULL, &none) == SIGTERM);
  begin(&servant, wait_timed);
  kill(getpid(), SIGUSR1);
  await_done(&servant);
  HOLDS(sigtimedwait, "gives a signal that comes in time", begun.result == SIGUSR1 && begun.error == 77);
  begin(&servant, wait_timed);
  pthread_kill(servant.thread, SIGUSR1);
  await_done(&servant);
  HOLDS(sigtimedwait, "also one for the thread", begun.result == SIGUSR1);
  dismiss(&servant);
}

// Another signal that is handled meanwhile.
static int has_ended;

static void wait_until_ended(void* argument) {
  wait_info(argument);
  set_flag(&has_ended);
}

CASE(interrupted) {
  struct Servant servant;
  forget_seen();
  handle(SIGUSR2, SA_RESTART);
  hire(&servant);
  has_ended = 0;
  begin(&servant, wait_until_ended);
  signal_until(&has_ended, servant.thread, SIGUSR2);
  await_done(&servant);
  HOLDS(sigwaitinfo, "EINTR after a handler of another signal", begun.result == -1 && begun.error == EINTR);
  forget_seen();
  begin(&servant, wait_plain);
  pthread_kill(servant.thread, SIGUSR2);
  await_seen(1);
  kill(getpid(), SIGTERM);
  await_done(&servant);
  HOLDS(sigwait, "goes on after a handler of another signal", begun.result == 0 && begun.number == SIGTERM);
  dismiss(&servant);
}

static void suspend(void* argument) {
  struct Waited* waited = argument;
  sigset_t mask = awaited;
  sigdelset(&mask, SIGUSR1);
  set_flag(&is_waiting);
  errno = 0;
  waited->result = sigsuspend(&mask);
  waited->error = errno;
  waited->number = is_blocked(SIGUSR1);
}

CASE(sigsuspend) {
  struct Servant servant;
  handle(SIGUSR1, SA_RESTART);
  hire(&servant);
  forget_seen();
  begin(&servant, suspend);
  kill(getpid(), SIGUSR1);
  await_done(&servant);
  HOLDS(sigsuspend, "-1 and EINTR after a handler of a signal to the process",
        begun.result == -1 && begun.error == EINTR && saw_once(SIGUSR1, servant.thread));
  HOLDS(sigsuspend, "the mask is again what it was", begun.number == 1);
  forget_seen();
  begin(&servant, suspend);
  pthread_kill(servant.thread, SIGUSR1);
  await_done(&servant);
  HOLDS(sigsuspend, "a signal to the thread ends it", begun.error == EINTR && saw_once(SIGUSR1, servant.thread));
  forget_seen();
  pthread_kill(pthread_self(), SIGUSR1);
  suspend(&begun);
  HOLDS(sigsuspend, "also one that is pending when it begins", saw_once(SIGUSR1, pthread_self()));
  forget_seen();
  begin(&servant, suspend);
  kill(getpid(), SIGTERM);
  HOLDS(sigsuspend, "not one that its mask blocks", is_pending(SIGTERM));
  pthread_kill(servant.thread, SIGUSR1);
  await_done(&servant);
  HOLDS(sigsuspend, "which stays pending", seen_count() == 1 && is_pending(SIGTERM));
  wait_plain(&begun);
  dismiss(&servant);
}

CASE(children) {
  struct Servant servant;
  hire(&servant);
  begin(&servant, wait_info);
  pid_t child = fork();
  if (child == 0) _exit(7);
  await_done(&servant);
  int status;
  HOLDS(sigwaitinfo, "SIGCHLD tells of a child that ended",
        begun.result == SIGCHLD && begun.information.si_pid == child && begun.information.si_code == CLD_EXITED &&
            begun.information.si_status == 7);
  CHECK_EQ(waitpid(child, &status, 0), child);
  HOLDS(waitpid, "and its status is there", WEXITSTATUS(status) == 7);
  dismiss(&servant);
}
