// Signals for the process: which thread handles them. POSIX.1-2017 2.4.1, signal(7).
#include <sched.h>
#include <sys/time.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static void unblock_usr1(void* unused) {
  (void)unused;
  unblock(SIGUSR1);
}

static void unblock_usr2(void* unused) {
  (void)unused;
  unblock(SIGUSR2);
}

static int stops;

static void compute(void* unused) {
  (void)unused;
  for (volatile unsigned i = 0; !is_set(&stops); i++) continue;
}

// Who handles the signal that is sent to the process now.
static pthread_t handler_of(int number) {
  forget_seen();
  CHECK_EQ(kill(getpid(), number), 0);
  await_seen(1);
  return seen_at(0).thread;
}

CASE(main_first) {
  struct Servant servant;
  handle(SIGUSR1, 0);
  hire(&servant);
  HOLDS(kill, "Linux prefers the main thread where that leaves the signal open",
        pthread_equal(handler_of(SIGUSR1), pthread_self()));
  dismiss(&servant);
}

static void kill_from_there(void* unused) {
  (void)unused;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

CASE(main_first_while_it_waits) {
  struct Servant servant;
  forget_seen();
  handle(SIGUSR1, 0);
  hire(&servant);
  request(&servant, kill_from_there, NULL);
  await_done(&servant);  // in sem_wait
  await_seen(1);
  HOLDS(kill, "also where it waits, and another thread sends", saw_once(SIGUSR1, pthread_self()));
  dismiss(&servant);
}

CASE(open_one) {
  struct Servant one, two;
  handle(SIGUSR1, 0);
  handle(SIGUSR2, 0);
  block(SIGUSR1);
  block(SIGUSR2);
  hire(&one);
  hire(&two);
  ask(&one, unblock_usr1, NULL);
  ask(&two, unblock_usr2, NULL);
  HOLDS(kill, "a thread that does not block the signal handles it, here one that waits",
        pthread_equal(handler_of(SIGUSR1), one.thread));
  HOLDS(kill, "each signal finds the thread that leaves it open", pthread_equal(handler_of(SIGUSR2), two.thread));
  HOLDS(kill, "a signal is handled once", seen_count() == 1);
  stops = 0;
  request(&one, compute, NULL);
  HOLDS(kill, "one that computes", pthread_equal(handler_of(SIGUSR1), one.thread));
  HOLDS(kill, "one that waits while another computes", pthread_equal(handler_of(SIGUSR2), two.thread));
  set_flag(&stops);
  await_done(&one);
  HOLDS(kill, "and does not come to the thread that blocks it", !is_pending(SIGUSR1) && !is_pending(SIGUSR2));
  dismiss(&one);
  dismiss(&two);
  unblock(SIGUSR1);
  unblock(SIGUSR2);
}

enum { kMany = 50 };

CASE(many) {
  struct Servant servant;
  handle(SIGRTMIN, 0);
  hire(&servant);
  block(SIGRTMIN);
  forget_seen();
  for (int i = 0; i < kMany; i++) CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}), 0);
  await_seen(kMany);
  bool holds = true;
  for (int i = 0; i < kMany; i++)
    holds = holds && seen_at(i).value == i && pthread_equal(seen_at(i).thread, servant.thread);
  HOLDS(sigqueue, "fifty realtime signals to the process reach its only open thread in order", holds);
  dismiss(&servant);
  unblock(SIGRTMIN);
}

static int reader_is_ready;

static void read_pipe(void* ends) {
  char byte;
  set_flag(&reader_is_ready);
  CHECK_EQ(read(((int*)ends)[0], &byte, 1), 1);
}

CASE(open_one_reads) {
  struct Servant servant;
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  handle(SIGUSR1, SA_RESTART);
  hire(&servant);
  block(SIGUSR1);
  reader_is_ready = 0;
  request(&servant, read_pipe, ends);
  await_flag(&reader_is_ready);
  HOLDS(kill, "the only open thread handles it while it is in read",
        pthread_equal(handler_of(SIGUSR1), servant.thread));
  CHECK_EQ(write(ends[1], "x", 1), 1);
  await_done(&servant);
  HOLDS(read, "goes on after a handler with SA_RESTART", true);
  dismiss(&servant);
  unblock(SIGUSR1);
  close(ends[0]);
  close(ends[1]);
}

CASE(ignored) {
  struct Servant servant;
  forget_seen();
  signal(SIGUSR1, SIG_IGN);
  hire(&servant);
  HOLDS(kill, "an ignored signal is dropped", kill(getpid(), SIGUSR1) == 0 && !is_pending(SIGUSR1));
  handle(SIGUSR1, 0);
  dismiss(&servant);
  HOLDS(kill, "and not delivered when it is handled later", seen_count() == 0);
}

CASE(timer) {
  struct Servant servant;
  struct itimerval once = {.it_value = {0, 2000}}, none = {{0, 0}, {0, 0}};
  handle(SIGVTALRM, 0);
  handle(SIGPROF, 0);
  hire(&servant);
  block(SIGVTALRM);
  block(SIGPROF);
  forget_seen();
  stops = 0;
  request(&servant, compute, NULL);
  CHECK_EQ(setitimer(ITIMER_VIRTUAL, &once, NULL), 0);
  await_seen(1);
  HOLDS(setitimer, "ITIMER_VIRTUAL: SIGVTALRM to the process when it has computed so long",
        saw_once(SIGVTALRM, servant.thread));
  forget_seen();
  CHECK_EQ(setitimer(ITIMER_PROF, &once, NULL), 0);
  await_seen(1);
  HOLDS(setitimer, "ITIMER_PROF: SIGPROF", saw_once(SIGPROF, servant.thread));
  struct Seen seen = seen_at(0);
  HOLDS(setitimer, "si_code is SI_KERNEL", seen.code == SI_KERNEL);
  CHECK_EQ(setitimer(ITIMER_PROF, &none, NULL), 0);
  set_flag(&stops);
  await_done(&servant);
  dismiss(&servant);
  unblock(SIGVTALRM);
  unblock(SIGPROF);
}
