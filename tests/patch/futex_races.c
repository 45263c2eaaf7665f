// Futexes under contention: locks, wake-ups beside timeouts, from handlers, kernel threads and other processes.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/futex.h"

enum { kThreads = 12, kRounds = 2000, kTicks = 300 };

// A lock of three states: free, taken, taken with others waiting (Drepper, "Futexes are tricky").
struct Lock {
  int word, inside, count;
};

static void acquire(struct Lock* lock) {
  int seen = 0;
  if (__atomic_compare_exchange_n(&lock->word, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
  while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0) wait_for(&lock->word, kWait, 2, NULL);
}

static void release(struct Lock* lock) {
  if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2) CHECK(wake(&lock->word, kWake, 1) <= 1);
}

static void* lock_often(void* argument) {
  struct Lock* lock = argument;
  for (int i = 0; i < kRounds; i++) {
    acquire(lock);
    CHECK_EQ(lock->inside++, 0);
    if (i % 16 == 0) sched_yield();
    lock->count++;
    lock->inside--;
    release(lock);
  }
  return NULL;
}

CASE(lock) {
  struct Lock lock = {0};
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(lock_often, &lock);
  join_all(threads, kThreads);
  CHECK_EQ(lock.count, kThreads * kRounds);
}

// Timeouts and wake-ups race: a waiter either is woken, and was counted, or it timed out, and was not.
static int counted, told, race_word, is_over;

static void* wait_shortly(void* argument) {
  while (!is_set(&is_over)) {
    struct timespec length = {0, 20000};
    if (wait_for(&race_word, kWait, 0, &length) == 0) {
      __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
    } else {
      CHECK_EQ(errno, ETIMEDOUT);
    }
  }
  return argument;
}

CASE(timeouts_race_with_wakes) {
  pthread_t threads[kThreads];
  counted = told = is_over = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(wait_shortly, NULL);
  for (long long end = now_ns(CLOCK_MONOTONIC) + 200000000; now_ns(CLOCK_MONOTONIC) < end; usleep(20)) {
    counted += (int)wake(&race_word, kWake, 2);
  }
  set_flag(&is_over);
  join_all(threads, kThreads);
  CHECK(counted > 0);
  CHECK_EQ(told, counted);
}

// A handler may come at any moment, in the middle of a switch too. It wakes only when the last wake-up has arrived.
static int ticks, ticks_seen;

static void tick(int signal) {
  (void)signal;
  int error = errno;
  if (load(&ticks_seen) == load(&ticks)) {
    __atomic_fetch_add(&ticks, 1, __ATOMIC_SEQ_CST);
    wake(&ticks, kWake, 1);
  }
  errno = error;
}

static void* await_ticks(void* is_done) {
  for (int seen = 0; seen < kTicks; seen = load(&ticks)) {
    __atomic_store_n(&ticks_seen, seen, __ATOMIC_SEQ_CST);
    while (load(&ticks) == seen) wait_for(&ticks, kWait, seen, NULL);
  }
  set_flag(is_done);
  return NULL;
}

CASE(wake_in_a_signal_handler) {
  struct itimerval fast = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  int is_done = 0;
  ticks = ticks_seen = 0;
  pthread_t thread = start(await_ticks, &is_done);
  CHECK_EQ(sigaction(SIGVTALRM, &action, NULL), 0);
  CHECK_EQ(setitimer(ITIMER_VIRTUAL, &fast, NULL), 0);
  await_flag(&is_done);
  CHECK_EQ(setitimer(ITIMER_VIRTUAL, &off, NULL), 0);
  join(thread);
  CHECK(ticks >= kTicks);
}

// A timer's thread is the kernel's, whatever the others are.
static int kernel_word, greenlet_word, kernel_done;

static void on_kernel_thread(union sigval value) {
  (void)value;
  while (load(&kernel_word) == 0) wait_for(&kernel_word, kWait, 0, NULL);
  for (long woken = 0; woken < 2; usleep(100)) woken += wake(&greenlet_word, kWake, INT_MAX);
  set_flag(&kernel_done);
}

static void* await_kernel_thread(void* argument) {
  CHECK_EQ(wait_for(&greenlet_word, kWait, 0, NULL), 0);
  return argument;
}

CASE(threads_of_the_kernel) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_kernel_thread};
  struct itimerspec soon = {.it_value = {0, 1}};
  timer_t timer;
  kernel_word = greenlet_word = kernel_done = 0;
  pthread_t threads[2] = {start(await_kernel_thread, NULL), start(await_kernel_thread, NULL)};
  CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
  while (wake(&kernel_word, kWake, 1) == 0) sched_yield();
  __atomic_store_n(&kernel_word, 1, __ATOMIC_SEQ_CST);
  while (!is_set(&kernel_done)) {
    CHECK(wake(&kernel_word, kWake, 1) >= 0);
    usleep(100);
  }
  join_all(threads, 2);
  CHECK_EQ(timer_delete(timer), 0);
}

// Another process waits, and wakes; a thread of ours waits for something else all the while.
static void be_the_child(int* words) {
  signal(SIGALRM, SIG_DFL);
  alarm(20);
  while (load(&words[0]) == 0) wait_for(&words[0], FUTEX_WAIT, 0, NULL);
  __atomic_store_n(&words[1], 1, __ATOMIC_SEQ_CST);
  wake(&words[1], FUTEX_WAKE, INT_MAX);
  _exit(0);
}

static void* wait_once(void* word) {
  CHECK_EQ(wait_for(word, kWait, 0, NULL), 0);
  return NULL;
}

CASE(another_process) {
  int* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int own_word = 0, status = -1;
  CHECK(words != MAP_FAILED);
  pthread_t thread = start(wait_once, &own_word);
  pid_t child = fork();
  if (child == 0) be_the_child(words);
  while (wake(&words[0], FUTEX_WAKE, INT_MAX) == 0) sched_yield();
  __atomic_store_n(&words[0], 1, __ATOMIC_SEQ_CST);
  wake(&words[0], FUTEX_WAKE, INT_MAX);
  while (load(&words[1]) == 0) wait_for(&words[1], FUTEX_WAIT, 0, NULL);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  while (wake(&own_word, kWake, INT_MAX) == 0) sched_yield();
  join(thread);
  CHECK_EQ(munmap(words, 4096), 0);
}
