// Timers that send signals: alarm, setitimer, timer_create. POSIX.1-2017, timer_create(2).
#include <sys/time.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

enum { kAlarmOfCase = 20 };

static struct sigaction hangs;

// The cases' own limit is an alarm.
static void take_alarm(void) {
  CHECK_EQ(sigaction(SIGALRM, NULL, &hangs), 0);
  forget_seen();
  handle(SIGALRM, 0);
}

static void return_alarm(void) {
  CHECK_EQ(sigaction(SIGALRM, &hangs, NULL), 0);
  alarm(kAlarmOfCase);
}

CASE(alarm) {
  struct Servant servant;
  unsigned rest = alarm(50);
  HOLDS(alarm, "gives the seconds that were left", rest > 0 && rest <= kAlarmOfCase);
  HOLDS(alarm, "there is one for the process", alarm(1) == 50);
  take_alarm();
  hire(&servant);
  HOLDS(pause, "EINTR when the alarm is handled", (errno = 0, pause()) == -1 && errno == EINTR);
  HOLDS(alarm, "SIGALRM, which the main thread handles", saw_once(SIGALRM, pthread_self()));
  HOLDS(alarm, "0 where none is left", alarm(0) == 0);
  forget_seen();
  block(SIGALRM);
  alarm(1);
  await_seen(1);
  HOLDS(alarm, "or one that leaves it open", saw_once(SIGALRM, servant.thread));
  unblock(SIGALRM);
  dismiss(&servant);
  return_alarm();
}

CASE(setitimer) {
  struct itimerval often = {{0, 2000}, {0, 2000}}, none = {{0, 0}, {0, 0}}, old, wrong = {{0, 0}, {0, 1000000}};
  take_alarm();
  HOLDS(setitimer, "gives the old value, here the alarm's",
        setitimer(ITIMER_REAL, &often, &old) == 0 && old.it_value.tv_sec > 0 && old.it_interval.tv_sec == 0);
  await_seen(3);
  HOLDS(setitimer, "SIGALRM, again and again", seen_count() >= 3);
  HOLDS(getitimer, "gives the interval", getitimer(ITIMER_REAL, &old) == 0 && old.it_interval.tv_usec == 2000);
  struct Seen seen = seen_at(0);
  HOLDS(setitimer, "si_code is SI_KERNEL", seen.code == SI_KERNEL);
  HOLDS(setitimer, "zero ends it",
        setitimer(ITIMER_REAL, &none, NULL) == 0 && getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_sec == 0 &&
            old.it_value.tv_usec == 0);
  HOLDS(setitimer, "EINVAL for another timer", (errno = 0, setitimer(77, &none, NULL)) == -1 && errno == EINVAL);
  HOLDS(setitimer, "EINVAL for microseconds that are too many",
        (errno = 0, setitimer(ITIMER_REAL, &wrong, NULL)) == -1 && errno == EINVAL);
  return_alarm();
}

static timer_t timer_of(clockid_t clock, struct sigevent* event) {
  timer_t timer;
  CHECK_EQ(timer_create(clock, event, &timer), 0);
  return timer;
}

static void set(timer_t timer, long nanoseconds, long interval) {
  struct itimerspec when = {{0, interval}, {0, nanoseconds}};
  CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
}

CASE(timer_create_signal) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value = {.sival_int = 42}};
  struct itimerspec now;
  forget_seen();
  handle(SIGRTMIN, 0);
  timer_t timer = timer_of(CLOCK_MONOTONIC, &event);
  HOLDS(timer_gettime, "a new timer is not armed",
        timer_gettime(timer, &now) == 0 && now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  set(timer, 1000000, 0);
  await_seen(1);
  struct Seen seen = seen_at(0);
  HOLDS(timer_settime, "SIGEV_SIGNAL: the signal, once", saw_once(SIGRTMIN, pthread_self()));
  HOLDS(timer_create, "SIGEV_SIGNAL: si_code is SI_TIMER, si_value that of the event",
        seen.code == SI_TIMER && seen.value == 42);
  set(timer, 1000000, 1000000);
  await_seen(4);
  HOLDS(timer_settime, "an interval: again and again", seen_count() >= 4);
  set(timer, 0, 0);
  block(SIGRTMIN);
  set(timer, 1, 1000000);
  while (!is_pending(SIGRTMIN)) continue;
  usleep(10000);
  siginfo_t information;
  sigset_t awaited = set_of(SIGRTMIN);
  CHECK_EQ(sigwaitinfo(&awaited, &information), SIGRTMIN);
  HOLDS(timer_getoverrun, "how often it has expired while the signal was pending", timer_getoverrun(timer) >= 2);
  HOLDS(sigwaitinfo, "si_overrun of a timer is that, and si_value the event's",
        information.si_overrun >= 2 && information.si_value.sival_int == 42);
  set(timer, 0, 0);
  struct itimerspec at = {.it_value = in_ms(CLOCK_MONOTONIC, -1000)};
  CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &at, NULL), 0);
  HOLDS(timer_settime, "TIMER_ABSTIME: a point in the past expires at once", sigwaitinfo(&awaited, NULL) == SIGRTMIN);
  unblock(SIGRTMIN);
  HOLDS(timer_delete, "0", timer_delete(timer) == 0);
  HOLDS(timer_settime, "EINVAL for a timer that was deleted",
        (errno = 0, timer_settime(timer, 0, &at, NULL)) == -1 && errno == EINVAL);
  HOLDS(timer_create, "EINVAL for a clock that is none",
        (errno = 0, timer_create(77, &event, &timer)) == -1 && errno == EINVAL);
  event.sigev_signo = 65;
  HOLDS(timer_create, "EINVAL for a number that is none",
        (errno = 0, timer_create(CLOCK_MONOTONIC, &event, &timer)) == -1 && errno == EINVAL);
}

CASE(timer_create_none) {
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  timer_t timer = timer_of(CLOCK_MONOTONIC, &event);
  struct itimerspec now, later = {.it_value = {100, 0}};
  CHECK_EQ(timer_settime(timer, 0, &later, NULL), 0);
  HOLDS(timer_gettime, "SIGEV_NONE: the time that is left",
        timer_gettime(timer, &now) == 0 && now.it_value.tv_sec > 70 && now.it_value.tv_sec <= 100);
  CHECK_EQ(timer_delete(timer), 0);
}

static sem_t called;
static int called_with, was_other_thread;
static pthread_t creator;

static void note_call(union sigval value) {
  __atomic_store_n(&called_with, value.sival_int, __ATOMIC_SEQ_CST);
  __atomic_store_n(&was_other_thread, !pthread_equal(pthread_self(), creator), __ATOMIC_SEQ_CST);
  CHECK_EQ(sem_post(&called), 0);
}

static void await_call(void) {
  while (sem_wait(&called) != 0) CHECK_EQ(errno, EINTR);
}

static void with_thread(void* unused) {
  (void)unused;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value = {.sival_int = 42}};
  event.sigev_notify_function = note_call;
  creator = pthread_self();
  CHECK_EQ(sem_init(&called, 0, 0), 0);
  timer_t timer = timer_of(CLOCK_MONOTONIC, &event);
  set(timer, 1000000, 0);
  await_call();
  HOLDS(timer_create, "SIGEV_THREAD: the function runs with the value, in a thread of its own",
        called_with == 42 && was_other_thread);
  set(timer, 1000000, 1000000);
  for (int i = 0; i < 5; i++) await_call();
  HOLDS(timer_create, "SIGEV_THREAD: each time it expires", true);
  CHECK_EQ(timer_delete(timer), 0);
}

CASE(timer_create_thread) {
  struct Servant servant;
  with_thread(NULL);
  hire(&servant);
  ask(&servant, with_thread, NULL);
  dismiss(&servant);
}

// SIGEV_THREAD_ID
static pid_t tid;

static void give_tid(void* unused) {
  (void)unused;
  tid = gettid();
}

static timer_t timer_for(pid_t thread) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN, .sigev_value = {.sival_int = 43}};
  event._sigev_un._tid = thread;
  return timer_of(CLOCK_MONOTONIC, &event);
}

CASE(timer_create_thread_id) {
  struct Servant one, two;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
  timer_t timer;
  forget_seen();
  handle(SIGRTMIN, 0);
  hire(&one);
  hire(&two);
  ask(&one, give_tid, NULL);
  timer_t first = timer_for(tid);
  ask(&two, give_tid, NULL);
  timer_t second = timer_for(tid);
  set(first, 1000000, 0);
  await_seen(1);
  struct Seen seen = seen_at(0);
  HOLDS(timer_create, "SIGEV_THREAD_ID: the handler runs in the thread of that id", saw_once(SIGRTMIN, one.thread));
  HOLDS(timer_create, "SIGEV_THREAD_ID: si_code is SI_TIMER, si_value that of the event",
        seen.code == SI_TIMER && seen.value == 43);
  forget_seen();
  set(second, 1000000, 0);
  await_seen(1);
  HOLDS(timer_create, "SIGEV_THREAD_ID: each timer its thread", saw_once(SIGRTMIN, two.thread));
  forget_seen();
  set(first, 1000000, 1000000);
  await_seen(3);
  bool holds = true;
  for (int i = 0; i < 3; i++) holds = holds && pthread_equal(seen_at(i).thread, one.thread);
  HOLDS(timer_create, "SIGEV_THREAD_ID: each time it expires", holds);
  CHECK_EQ(timer_delete(first), 0);
  CHECK_EQ(timer_delete(second), 0);
  forget_seen();
  timer = timer_for(gettid());
  set(timer, 1000000, 0);
  await_seen(1);
  HOLDS(timer_create, "SIGEV_THREAD_ID: the main thread too", saw_once(SIGRTMIN, pthread_self()));
  CHECK_EQ(timer_delete(timer), 0);
  event._sigev_un._tid = getppid();
  HOLDS(timer_create, "SIGEV_THREAD_ID: EINVAL for a thread of another process",
        (errno = 0, timer_create(CLOCK_MONOTONIC, &event, &timer)) == -1 && errno == EINVAL);
  event._sigev_un._tid = 0;
  HOLDS(timer_create, "SIGEV_THREAD_ID: EINVAL for no thread",
        (errno = 0, timer_create(CLOCK_MONOTONIC, &event, &timer)) == -1 && errno == EINVAL);
  dismiss(&one);
  dismiss(&two);
}
