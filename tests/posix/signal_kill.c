// Sending signals: pthread_kill, pthread_sigqueue, raise, tgkill, kill, sigqueue, killpg. POSIX.1-2017, Linux.
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

enum { kMany = 100 };

static bool is_from_here(const struct Seen* seen, int code) {
  return seen->code == code && seen->pid == getpid() && seen->uid == getuid();
}

static void* end_at_once(void* tid) {
  __atomic_store_n((pid_t*)tid, gettid(), __ATOMIC_RELEASE);
  return NULL;
}

static int stops;

static void compute(void* unused) {
  (void)unused;
  for (volatile unsigned i = 0; !is_set(&stops); i++) continue;
}

CASE(pthread_kill) {
  struct Servant servant;
  forget_seen();
  handle(SIGUSR1, 0);
  hire(&servant);
  HOLDS(pthread_kill, "0", pthread_kill(servant.thread, SIGUSR1) == 0);
  await_seen(1);
  struct Seen seen = seen_at(0);
  HOLDS(pthread_kill, "the handler runs in the thread, here one that waits", saw_once(SIGUSR1, servant.thread));
  HOLDS(pthread_kill, "si_code is SI_TKILL, si_pid and si_uid the sender's", is_from_here(&seen, SI_TKILL));
  forget_seen();
  request(&servant, compute, NULL);
  pthread_kill(servant.thread, SIGUSR1);
  await_seen(1);
  HOLDS(pthread_kill, "the handler runs in the thread, here one that computes", saw_once(SIGUSR1, servant.thread));
  set_flag(&stops);
  await_done(&servant);
  forget_seen();
  HOLDS(pthread_kill, "to itself: the handler has run when it returns",
        pthread_kill(pthread_self(), SIGUSR1) == 0 && saw_once(SIGUSR1, pthread_self()));
  forget_seen();
  HOLDS(pthread_kill, "signal 0 sends nothing", pthread_kill(servant.thread, 0) == 0);
  ask(&servant, compute, NULL);
  HOLDS(pthread_kill, "and runs no handler", seen_count() == 0);
  errno = 77;
  HOLDS(pthread_kill, "EINVAL for a number below 0, returned and not in errno",
        pthread_kill(servant.thread, -1) == EINVAL && errno == 77);
  HOLDS(pthread_kill, "EINVAL for a number that is none", pthread_kill(servant.thread, SIGRTMAX + 1) == EINVAL);
  HOLDS(pthread_kill, "EINVAL for the numbers that glibc uses itself",
        pthread_kill(servant.thread, 32) == EINVAL && pthread_kill(servant.thread, 33) == EINVAL);
  dismiss(&servant);
}

CASE(ended) {
  pid_t tid = 0;
  pthread_t thread = start(end_at_once, &tid);
  forget_seen();
  handle(SIGUSR1, 0);
  while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE) == 0 || tgkill(getpid(), tid, 0) == 0) sched_yield();
  HOLDS(tgkill, "ESRCH for a thread that has ended", errno == ESRCH);
  HOLDS(pthread_kill, "0 for a thread that has ended and is not joined", pthread_kill(thread, SIGUSR1) == 0);
  join(thread);
  HOLDS(pthread_kill, "nobody handles what was sent to an ended thread", seen_count() == 0);
}

CASE(pthread_sigqueue) {
  struct Servant servant;
  union sigval value = {.sival_int = 42};
  forget_seen();
  handle(SIGUSR1, 0);
  hire(&servant);
  HOLDS(pthread_sigqueue, "0", pthread_sigqueue(servant.thread, SIGUSR1, value) == 0);
  await_seen(1);
  struct Seen seen = seen_at(0);
  HOLDS(pthread_sigqueue, "the handler runs in the thread", saw_once(SIGUSR1, servant.thread));
  HOLDS(pthread_sigqueue, "si_value is the value", seen.value == 42);
  HOLDS(pthread_sigqueue, "si_code is SI_QUEUE, si_pid and si_uid the sender's", is_from_here(&seen, SI_QUEUE));
  errno = 77;
  HOLDS(pthread_sigqueue, "EINVAL for a number that is none",
        pthread_sigqueue(servant.thread, SIGRTMAX + 1, value) == EINVAL &&
            pthread_sigqueue(servant.thread, -1, value) == EINVAL && errno == 77);
  HOLDS(pthread_sigqueue, "signal 0 sends nothing", pthread_sigqueue(servant.thread, 0, value) == 0);
  dismiss(&servant);
  HOLDS(pthread_sigqueue, "and runs no handler", seen_count() == 1);
}

static bool all_in_order(pthread_t thread) {
  await_seen(kMany);
  for (int i = 0; i < kMany; i++)
    if (seen_at(i).value != i || !pthread_equal(seen_at(i).thread, thread)) return false;
  return true;
}

static void send_many(pthread_t thread) {
  forget_seen();
  for (int i = 0; i < kMany; i++) CHECK_EQ(pthread_sigqueue(thread, SIGRTMIN, (union sigval){.sival_int = i}), 0);
}

CASE(many) {
  struct Servant servant;
  stops = 0;
  handle(SIGRTMIN, 0);
  hire(&servant);
  send_many(servant.thread);
  HOLDS(pthread_sigqueue, "a hundred realtime signals reach a thread that waits, in order",
        all_in_order(servant.thread));
  request(&servant, compute, NULL);
  send_many(servant.thread);
  HOLDS(pthread_sigqueue, "and one that computes", all_in_order(servant.thread));
  set_flag(&stops);
  await_done(&servant);
  dismiss(&servant);
  send_many(pthread_self());
  HOLDS(pthread_sigqueue, "and the sender itself", all_in_order(pthread_self()));
}

static void raise_in(void* unused) {
  (void)unused;
  forget_seen();
  HOLDS(raise, "the handler has run in the calling thread when it returns",
        raise(SIGUSR1) == 0 && saw_once(SIGUSR1, pthread_self()));
  struct Seen seen = seen_at(0);
  HOLDS(raise, "si_code is SI_TKILL, si_pid and si_uid the sender's", is_from_here(&seen, SI_TKILL));
  HOLDS(raise, "-1 and EINVAL for a number that is none", (errno = 0, raise(SIGRTMAX + 1)) == -1 && errno == EINVAL);
  HOLDS(raise, "signal 0 sends nothing", raise(0) == 0 && seen_count() == 1);
  HOLDS(gsignal, "is raise", gsignal(SIGUSR1) == 0 && seen_count() == 2);
}

CASE(raise) {
  struct Servant servant;
  handle(SIGUSR1, 0);
  raise_in(NULL);
  hire(&servant);
  ask(&servant, raise_in, NULL);
  dismiss(&servant);
}

static void give_tid(void* result) { *(pid_t*)result = gettid(); }

CASE(tgkill) {
  struct Servant servant;
  pid_t tid = 0;
  forget_seen();
  handle(SIGUSR1, 0);
  hire(&servant);
  ask(&servant, give_tid, &tid);
  HOLDS(tgkill, "sends to the thread of that id", tgkill(getpid(), tid, SIGUSR1) == 0);
  await_seen(1);
  struct Seen seen = seen_at(0);
  HOLDS(tgkill, "whose handler runs", saw_once(SIGUSR1, servant.thread) && is_from_here(&seen, SI_TKILL));
  forget_seen();
  HOLDS(tgkill, "to the calling thread: the handler has run when it returns",
        tgkill(getpid(), gettid(), SIGUSR1) == 0 && saw_once(SIGUSR1, pthread_self()));
  forget_seen();
  CHECK_EQ(syscall(SYS_tgkill, getpid(), tid, SIGUSR1), 0);
  await_seen(1);
  HOLDS(syscall, "SYS_tgkill: the same by number", saw_once(SIGUSR1, servant.thread));
  forget_seen();
  CHECK_EQ(syscall(SYS_tkill, tid, SIGUSR1), 0);
  await_seen(1);
  HOLDS(syscall, "SYS_tkill sends to the thread of that id", saw_once(SIGUSR1, servant.thread));
  HOLDS(tgkill, "signal 0 looks for the thread", tgkill(getpid(), tid, 0) == 0);
  HOLDS(tgkill, "EINVAL for a number that is none",
        (errno = 0, tgkill(getpid(), tid, SIGRTMAX + 1)) == -1 && errno == EINVAL);
  HOLDS(tgkill, "EINVAL for an id that is not positive", (errno = 0, tgkill(getpid(), 0, 0)) == -1 && errno == EINVAL);
  HOLDS(tgkill, "ESRCH where the thread is not of that process",
        (errno = 0, tgkill(getppid(), tid, 0)) == -1 && errno == ESRCH);
  dismiss(&servant);
}

CASE(kill) {
  forget_seen();
  handle(SIGUSR1, 0);
  HOLDS(kill, "to itself, where only this thread leaves it open: the handler has run when it returns",
        kill(getpid(), SIGUSR1) == 0 && saw_once(SIGUSR1, pthread_self()));
  struct Seen seen = seen_at(0);
  HOLDS(kill, "si_code is SI_USER, si_pid and si_uid the sender's", is_from_here(&seen, SI_USER));
  HOLDS(kill, "signal 0 sends nothing", kill(getpid(), 0) == 0 && seen_count() == 1);
  HOLDS(kill, "EINVAL for a number that is none", (errno = 0, kill(getpid(), 65)) == -1 && errno == EINVAL);
  HOLDS(kill, "ESRCH where there is no such process", (errno = 0, kill(1 << 30, SIGUSR1)) == -1 && errno == ESRCH);
  forget_seen();
  HOLDS(sigqueue, "to itself: the handler has run when it returns",
        sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}) == 0 && saw_once(SIGUSR1, pthread_self()));
  seen = seen_at(0);
  HOLDS(sigqueue, "si_value is the value, si_code SI_QUEUE", seen.value == 5 && is_from_here(&seen, SI_QUEUE));
  HOLDS(sigqueue, "EINVAL for a number that is none",
        (errno = 0, sigqueue(getpid(), 65, (union sigval){0})) == -1 && errno == EINVAL);
}

static void in_own_group(void) {
  if (setpgid(0, 0) != 0) _exit(1);
  forget_seen();
  if (killpg(getpgrp(), SIGUSR1) != 0 || !saw_once(SIGUSR1, pthread_self())) _exit(2);
  if (kill(0, SIGUSR1) != 0 || seen_count() != 2) _exit(3);
  if (kill(-getpgrp(), SIGUSR1) != 0 || seen_count() != 3) _exit(4);
  struct Servant servant;
  hire(&servant);
  block(SIGUSR1);
  if (killpg(getpgrp(), SIGUSR1) != 0) _exit(5);
  await_seen(4);
  if (!pthread_equal(seen_at(3).thread, servant.thread)) _exit(6);
}

CASE(killpg) {
  handle(SIGUSR1, 0);
  HOLDS(killpg, "sends to every process of the group, each of which has one thread handle it",
        status_of(in_own_group) == 0);
  HOLDS(killpg, "EINVAL for a number that is none", (errno = 0, killpg(getpgrp(), 65)) == -1 && errno == EINVAL);
  HOLDS(killpg, "ESRCH where there is no such group", (errno = 0, killpg(1 << 30, 0)) == -1 && errno == ESRCH);
}
