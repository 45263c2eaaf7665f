// A thread that waits for an object of another process: its siblings run on, and it is they who end the wait.
//
// Compiled twice, as process_shared.c is.
#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

enum { kShort = 20, kLong = 100000 };

static struct SharedLocks* shared;
static int from_child[2], to_child[2];

// What the child does before it says so, and what it does when it is told to.
struct Other {
  void (*hold)(void);
  void (*let_go)(void);
};

static pid_t start_child(const struct Other* other) {
  char byte = 'h';
  shared = share_locks(2);
  open_pipe(from_child);
  open_pipe(to_child);
  pid_t child = fork_child();
  if (child == 0) {
    if (other->hold) other->hold();
    CHECK_EQ(write(from_child[kWriteEnd], &byte, 1), 1);
    CHECK_EQ(read(to_child[kReadEnd], &byte, 1), 1);
    other->let_go();
    _exit(0);
  }
  CHECK_EQ(read(from_child[kReadEnd], &byte, 1), 1);
  return child;
}

static void end_child(pid_t child) {
  await_child(child);
  close_both(from_child);
  close_both(to_child);
  unshare_locks(shared);
}

static void tell_child(void* unused) {
  (void)unused;
  CHECK_EQ(write(to_child[kWriteEnd], "g", 1), 1);
}

struct Meeting {
  void (*wait)(void);
  int is_inside, is_told;
};

static void* wait_in_meeting(void* argument) {
  struct Meeting* meeting = argument;
  set_flag(&meeting->is_inside);
  meeting->wait();
  CHECK(is_set(&meeting->is_told) && "the wait ended after the sibling ended it");
  return NULL;
}

static void* tell_in_meeting(void* argument) {
  struct Meeting* meeting = argument;
  await_flag(&meeting->is_inside);
  usleep(1000);
  set_flag(&meeting->is_told);
  tell_child(NULL);
  return NULL;
}

// One thread waits for the child, the other tells the child to end that; and the other way round.
static void check_sibling_runs(void (*wait)(void), void (*hold)(void), void (*let_go)(void)) {
  struct Other other = {hold, let_go};
  for (int main_waits = 0; main_waits < 2; main_waits++) {
    struct Meeting meeting = {.wait = wait};
    pid_t child = start_child(&other);
    pthread_t sibling = start(main_waits ? tell_in_meeting : wait_in_meeting, &meeting);
    main_waits ? wait_in_meeting(&meeting) : tell_in_meeting(&meeting);
    join(sibling);
    end_child(child);
  }
}

static void lock_mutex(void) { CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0); }
static void unlock_mutex(void) { CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0); }

static void lock_mutex_until_realtime(void) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  CHECK_EQ(pthread_mutex_timedlock(&shared->mutex, &deadline), 0);
}

static void lock_mutex_until_monotonic(void) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kLong);
  CHECK_EQ(pthread_mutex_clocklock(&shared->mutex, CLOCK_MONOTONIC, &deadline), 0);
}

CASE(mutex) {
  check_sibling_runs(lock_mutex, lock_mutex, unlock_mutex);
  check_sibling_runs(lock_mutex_until_realtime, lock_mutex, unlock_mutex);
  check_sibling_runs(lock_mutex_until_monotonic, lock_mutex, unlock_mutex);
}

static void lock_inheriting(void) {
  init_shared_mutex(&shared->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED);
  lock_mutex();
}

CASE(inheriting_mutex) { check_sibling_runs(lock_mutex, lock_inheriting, unlock_mutex); }

static void* hold_mutex_for_a_while(void* is_held) {
  lock_mutex();
  set_flag(is_held);
  usleep(2000);
  unlock_mutex();
  return NULL;
}

CASE(mutex_of_a_sibling) {
  shared = share_locks(2);
  for (int i = 0; i < 3; i++) {
    int is_held = 0;
    pthread_t sibling = start(hold_mutex_for_a_while, &is_held);
    await_flag(&is_held);
    lock_mutex();
    unlock_mutex();
    join(sibling);
  }
}

static void lock_to_read(void) { CHECK_EQ(pthread_rwlock_rdlock(&shared->rwlock), 0); }
static void lock_to_write(void) { CHECK_EQ(pthread_rwlock_wrlock(&shared->rwlock), 0); }
static void unlock_rwlock(void) { CHECK_EQ(pthread_rwlock_unlock(&shared->rwlock), 0); }

static void lock_to_read_until(void) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong), monotonic = in_ms(CLOCK_MONOTONIC, kLong);
  CHECK_EQ(pthread_rwlock_timedrdlock(&shared->rwlock, &deadline), 0);
  CHECK_EQ(pthread_rwlock_clockrdlock(&shared->rwlock, CLOCK_MONOTONIC, &monotonic), 0);
}

static void lock_to_write_until_realtime(void) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  CHECK_EQ(pthread_rwlock_timedwrlock(&shared->rwlock, &deadline), 0);
}

static void lock_to_write_until_monotonic(void) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kLong);
  CHECK_EQ(pthread_rwlock_clockwrlock(&shared->rwlock, CLOCK_MONOTONIC, &deadline), 0);
}

CASE(rwlock) {
  check_sibling_runs(lock_to_read, lock_to_write, unlock_rwlock);
  check_sibling_runs(lock_to_read_until, lock_to_write, unlock_rwlock);
  check_sibling_runs(lock_to_write, lock_to_read, unlock_rwlock);
  check_sibling_runs(lock_to_write_until_realtime, lock_to_read, unlock_rwlock);
  check_sibling_runs(lock_to_write_until_monotonic, lock_to_write, unlock_rwlock);
}

static void wait_for_semaphore(void) { CHECK_EQ(sem_wait(&shared->semaphore), 0); }
static void post(void) { CHECK_EQ(sem_post(&shared->semaphore), 0); }

static void wait_for_semaphore_until_realtime(void) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  CHECK_EQ(sem_timedwait(&shared->semaphore, &deadline), 0);
}

static void wait_for_semaphore_until_monotonic(void) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kLong);
  CHECK_EQ(sem_clockwait(&shared->semaphore, CLOCK_MONOTONIC, &deadline), 0);
}

CASE(semaphore) {
  check_sibling_runs(wait_for_semaphore, NULL, post);
  check_sibling_runs(wait_for_semaphore_until_realtime, NULL, post);
  check_sibling_runs(wait_for_semaphore_until_monotonic, NULL, post);
}

static void wait_for_signal_by(int (*wait)(void)) {
  lock_mutex();
  while (!shared->turn) CHECK_EQ(wait(), 0);
  unlock_mutex();
}

static int wait_for_ever(void) { return pthread_cond_wait(&shared->condition, &shared->mutex); }

static int wait_until_realtime(void) {
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  return pthread_cond_timedwait(&shared->condition, &shared->mutex, &deadline);
}

static int wait_until_monotonic(void) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kLong);
  return pthread_cond_timedwait(&shared->monotonic_condition, &shared->mutex, &deadline);
}

static int wait_until_clock(void) {
  struct timespec deadline = in_ms(CLOCK_MONOTONIC, kLong);
  return pthread_cond_clockwait(&shared->condition, &shared->mutex, CLOCK_MONOTONIC, &deadline);
}

static void wait_for_signal(void) { wait_for_signal_by(wait_for_ever); }
static void wait_for_signal_until_realtime(void) { wait_for_signal_by(wait_until_realtime); }
static void wait_for_signal_until_monotonic(void) { wait_for_signal_by(wait_until_monotonic); }
static void wait_for_signal_until_clock(void) { wait_for_signal_by(wait_until_clock); }

static void signal_both(void) {
  lock_mutex();
  shared->turn = 1;
  CHECK_EQ(pthread_cond_signal(&shared->condition), 0);
  CHECK_EQ(pthread_cond_signal(&shared->monotonic_condition), 0);
  unlock_mutex();
}

CASE(condition) {
  check_sibling_runs(wait_for_signal, NULL, signal_both);
  check_sibling_runs(wait_for_signal_until_realtime, NULL, signal_both);
  check_sibling_runs(wait_for_signal_until_monotonic, NULL, signal_both);
  check_sibling_runs(wait_for_signal_until_clock, NULL, signal_both);
}

static void hold_everything(void) {
  lock_mutex();
  lock_to_write();
}

static void let_everything_go(void) {
  unlock_mutex();
  unlock_rwlock();
}

static void check_timeouts(struct timespec realtime, struct timespec monotonic, int error) {
  CHECK_EQ(pthread_mutex_timedlock(&shared->mutex, &realtime), error);
  CHECK_EQ(pthread_mutex_clocklock(&shared->mutex, CLOCK_MONOTONIC, &monotonic), error);
  CHECK_EQ(pthread_rwlock_timedrdlock(&shared->rwlock, &realtime), error);
  CHECK_EQ(pthread_rwlock_clockrdlock(&shared->rwlock, CLOCK_MONOTONIC, &monotonic), error);
  CHECK_EQ(pthread_rwlock_timedwrlock(&shared->rwlock, &realtime), error);
  CHECK_EQ(pthread_rwlock_clockwrlock(&shared->rwlock, CLOCK_MONOTONIC, &monotonic), error);
  CHECK_FAILS(sem_timedwait(&shared->semaphore, &realtime), error);
  CHECK_FAILS(sem_clockwait(&shared->semaphore, CLOCK_MONOTONIC, &monotonic), error);
}

static void check_timeout_of_condition(struct timespec deadline, clockid_t clock) {
  int error = 0;
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  CHECK_EQ(pthread_mutex_lock(&own), 0);
  while (error == 0) error = pthread_cond_clockwait(&shared->condition, &own, clock, &deadline);
  CHECK_EQ(error, ETIMEDOUT);
  CHECK(now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec);
  CHECK_EQ(pthread_mutex_unlock(&own), 0);
}

static void* time_out(void* unused) {
  struct timespec wrong = {0, 1000000000}, past = {0, 0};
  struct timespec realtime = in_ms(CLOCK_REALTIME, kShort), monotonic = in_ms(CLOCK_MONOTONIC, kShort);
  check_timeouts(realtime, monotonic, ETIMEDOUT);
  CHECK(now_ns(CLOCK_REALTIME) >= realtime.tv_sec * 1000000000LL + realtime.tv_nsec);
  CHECK(now_ns(CLOCK_MONOTONIC) >= monotonic.tv_sec * 1000000000LL + monotonic.tv_nsec);
  check_timeouts(past, past, ETIMEDOUT);
  check_timeouts(wrong, wrong, EINVAL);
  check_timeout_of_condition(in_ms(CLOCK_REALTIME, kShort), CLOCK_REALTIME);
  check_timeout_of_condition(in_ms(CLOCK_MONOTONIC, kShort), CLOCK_MONOTONIC);
  return unused;
}

CASE(timeouts) {
  struct Other other = {hold_everything, let_everything_go};
  pid_t child = start_child(&other);
  join(start(time_out, NULL));
  time_out(NULL);
  tell_child(NULL);
  end_child(child);
}

#ifndef ONE_CARRIER
static void meet_at_barrier(void) { pthread_barrier_wait(&shared->barrier); }

CASE(barrier) { check_sibling_runs(meet_at_barrier, NULL, meet_at_barrier); }

static void relock_and_count(void* count) {
  CHECK_EQ(pthread_mutex_trylock(&shared->mutex), EBUSY);  // a cancelled wait has taken it again
  unlock_mutex();
  ++*(int*)count;
}

static void* wait_when_cancelled(void* count) {
  lock_mutex();
  pthread_cleanup_push(relock_and_count, count);
  CHECK_EQ(pthread_cancel(pthread_self()), 0);
  wait_for_ever();
  pthread_cleanup_pop(0);
  return NULL;
}

// libc's own wait unwinds the stack, the shim's frames too. (What join then returns is checked where cancellation is.)
CASE(cancelled_wait) {
  int count = 0;
  shared = share_locks(2);
  for (int i = 0; i < 3; i++) join(start(wait_when_cancelled, &count));
  CHECK_EQ(count, 3);
  lock_mutex();
  unlock_mutex();
}
#endif
