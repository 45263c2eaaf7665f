// A handler that runs while its thread waits for another thread: it runs there and then, and the wait goes on, with or
// without SA_RESTART, as locks know no EINTR. POSIX.1-2017.
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <threads.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, error_checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static pthread_once_t once;
static mtx_t c_mutex;
static FILE* stream;
static pthread_t sleeper;
static int predicate, is_waiting, may_end, word;

static struct timespec far(void) { return in_ms(CLOCK_REALTIME, 100000); }

static void lock_mutex(void) { CHECK_EQ(pthread_mutex_lock(&mutex), 0); }
static void unlock_mutex(void) { CHECK_EQ(pthread_mutex_unlock(&mutex), 0); }
static void lock_error_checking(void) { CHECK_EQ(pthread_mutex_lock(&error_checking), 0); }
static void unlock_error_checking(void) { CHECK_EQ(pthread_mutex_unlock(&error_checking), 0); }
static void lock_mutex_timed(void) {
  struct timespec deadline = far();
  CHECK_EQ(pthread_mutex_timedlock(&mutex, &deadline), 0);
}

static void lock_c_mutex(void) { CHECK_EQ(mtx_lock(&c_mutex), thrd_success); }
static void unlock_c_mutex(void) { CHECK_EQ(mtx_unlock(&c_mutex), thrd_success); }

static void wait_condition(void) {
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  while (!predicate) CHECK_EQ(pthread_cond_wait(&condition, &mutex), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static void wait_condition_timed(void) {
  struct timespec deadline = far();
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  while (!predicate) CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &deadline), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static void clear_predicate(void) { predicate = 0; }
static void signal_condition(void) {
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  predicate = 1;
  CHECK_EQ(pthread_cond_signal(&condition), 0);
  CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static void lock_to_write(void) { CHECK_EQ(pthread_rwlock_wrlock(&rwlock), 0); }
static void lock_to_read(void) { CHECK_EQ(pthread_rwlock_rdlock(&rwlock), 0); }
static void unlock_rwlock(void) { CHECK_EQ(pthread_rwlock_unlock(&rwlock), 0); }
static void write_and_unlock(void) {
  lock_to_write();
  unlock_rwlock();
}
static void read_and_unlock(void) {
  lock_to_read();
  unlock_rwlock();
}

static void lock_spin(void) { CHECK_EQ(pthread_spin_lock(&spin), 0); }
static void unlock_spin(void) { CHECK_EQ(pthread_spin_unlock(&spin), 0); }

static void nothing(void) {}
static void meet_at_barrier(void) {
  int result = pthread_barrier_wait(&barrier);
  CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void* sleep_until_told(void* unused) {
  await_flag(&may_end);
  return unused;
}

static void start_sleeper(void) {
  may_end = 0;
  sleeper = start(sleep_until_told, NULL);
}
static void tell_sleeper(void) { set_flag(&may_end); }
static void join_sleeper(void) { CHECK_EQ(pthread_join(sleeper, NULL), 0); }
static void join_sleeper_timed(void) {
  struct timespec deadline = far();
  CHECK_EQ(pthread_timedjoin_np(sleeper, NULL, &deadline), 0);
}

static void initialise(void) { await_flag(&may_end); }

static void* run_once(void* unused) {
  pthread_once(&once, initialise);
  return unused;
}

static void begin_once(void) {
  pthread_once_t fresh = PTHREAD_ONCE_INIT;
  may_end = 0;
  once = fresh;
  sleeper = start(run_once, NULL);
  while (__atomic_load_n(&once, __ATOMIC_ACQUIRE) == PTHREAD_ONCE_INIT) sched_yield();
}
static void wait_for_once(void) {
  CHECK_EQ(pthread_once(&once, initialise), 0);
  join_sleeper();
}

static void lock_stream(void) { flockfile(stream); }
static void unlock_stream(void) { funlockfile(stream); }
static void take_stream(void) {
  flockfile(stream);
  funlockfile(stream);
}

static void yield_until_told(void) { await_flag(&may_end); }
static void compute_until_told(void) {
  while (!is_set(&may_end)) __asm__ volatile("" ::: "memory");
}
static void do_not_tell(void) { may_end = 0; }

static struct Waits {
  const char* name;
  void (*before)(void);  // by the main thread, and so what ends the wait
  void (*wait)(void);
  void (*end)(void);
  void (*after)(void);  // by the thread
} waits[] = {
    {"pthread_mutex_lock", lock_mutex, lock_mutex, unlock_mutex, unlock_mutex},
    {"pthread_mutex_lock", lock_error_checking, lock_error_checking, unlock_error_checking, unlock_error_checking},
    {"pthread_mutex_timedlock", lock_mutex, lock_mutex_timed, unlock_mutex, unlock_mutex},
    {"mtx_lock", lock_c_mutex, lock_c_mutex, unlock_c_mutex, unlock_c_mutex},
    {"pthread_cond_wait", clear_predicate, wait_condition, signal_condition, nothing},
    {"pthread_cond_timedwait", clear_predicate, wait_condition_timed, signal_condition, nothing},
    {"pthread_rwlock_wrlock", lock_to_write, write_and_unlock, unlock_rwlock, nothing},
    {"pthread_rwlock_wrlock", lock_to_read, write_and_unlock, unlock_rwlock, nothing},
    {"pthread_rwlock_rdlock", lock_to_write, read_and_unlock, unlock_rwlock, nothing},
    {"pthread_spin_lock", lock_spin, lock_spin, unlock_spin, unlock_spin},
    {"pthread_barrier_wait", nothing, meet_at_barrier, meet_at_barrier, nothing},
    {"pthread_join", start_sleeper, join_sleeper, tell_sleeper, nothing},
    {"pthread_timedjoin_np", start_sleeper, join_sleeper_timed, tell_sleeper, nothing},
    {"pthread_once", begin_once, wait_for_once, tell_sleeper, nothing},
    {"flockfile", lock_stream, take_stream, unlock_stream, nothing},
    {"sched_yield", do_not_tell, yield_until_told, tell_sleeper, nothing},
    {"sigaction", do_not_tell, compute_until_told, tell_sleeper, nothing},
};

static int has_ended;

static void run_wait(void* argument) {
  const struct Waits* waits = argument;
  set_flag(&is_waiting);
  waits->wait();
  set_flag(&has_ended);
  waits->after();
}

// Three handlers run, one after the other, before the wait ends.
static bool goes_on(struct Servant* servant, struct Waits* waits) {
  is_waiting = has_ended = 0;
  waits->before();
  request(servant, run_wait, waits);
  await_flag(&is_waiting);
  bool holds = true;
  for (int i = 0; i < 3; i++) {
    usleep(1000);
    forget_seen();
    CHECK_EQ(pthread_kill(servant->thread, SIGUSR1), 0);
    await_seen(1);
    holds = holds && saw_once(SIGUSR1, servant->thread) && !is_set(&has_ended);
  }
  waits->end();
  await_done(servant);
  return holds;
}

static void state_all(int flags, const char* text) {
  struct Servant servant;
  handle(SIGUSR1, flags);
  hire(&servant);
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  pthread_barrier_init(&barrier, NULL, 2);
  mtx_init(&c_mutex, mtx_plain);
  stream = tmpfile();
  for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
    check(goes_on(&servant, &waits[i]), waits[i].name, __FILE__, __LINE__);
    printf("%s: %s\n", waits[i].name, text);
  }
  dismiss(&servant);
  fclose(stream);
  pthread_barrier_destroy(&barrier);
}

CASE(without_restart) { state_all(0, "a handler runs in it, and it goes on"); }

CASE(with_restart) { state_all(SA_RESTART, "a handler with SA_RESTART runs in it, and it goes on"); }

// Calls by number, which no shim sees or only one for numbers.
static long raw_result, raw_error;

static long raw(long number, long first, long second, long third, long fourth) {
  long result;
  register long r10 __asm__("r10") = fourth;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

static void poll_raw(void* unused) {
  (void)unused;
  set_flag(&is_waiting);
  raw_result = raw(SYS_ppoll, 0, 0, 0, 0);
  set_flag(&has_ended);
}

static void poll_by_number(void* unused) {
  (void)unused;
  set_flag(&is_waiting);
  raw_result = syscall(SYS_ppoll, NULL, 0, NULL, NULL, 8);
  raw_error = errno;
  set_flag(&has_ended);
}

static void wait_for_word(void* unused) {
  (void)unused;
  set_flag(&is_waiting);
  raw_result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
  raw_error = errno;
  set_flag(&has_ended);
}

static void interrupt(struct Servant* servant, void (*task)(void*)) {
  is_waiting = has_ended = 0;
  request(servant, task, NULL);
  await_flag(&is_waiting);
  signal_until(&has_ended, servant->thread, SIGUSR1);
  await_done(servant);
}

CASE(by_number) {
  struct Servant servant;
  handle(SIGUSR1, 0);
  hire(&servant);
  interrupt(&servant, poll_raw);
  HOLDS(pthread_kill, "interrupts a system call that the program makes by itself", raw_result == -EINTR);
  interrupt(&servant, poll_by_number);
  HOLDS(syscall, "SYS_ppoll: EINTR after a handler", raw_result == -1 && raw_error == EINTR);
  interrupt(&servant, wait_for_word);
  HOLDS(syscall, "SYS_futex, FUTEX_WAIT: EINTR after a handler", raw_result == -1 && raw_error == EINTR);
  dismiss(&servant);
}
