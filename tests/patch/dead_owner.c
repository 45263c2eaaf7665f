// Robust mutexes whose owner, in another process, dies. Runs twice, as process_shared.c does.
#include <signal.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/shared_locks.h"
#include "tests/support/sockets.h"

enum { kThreads = 6 };

static struct SharedLocks* shared;
static int from_child[2];
static int recovered, unrecoverable;

// A child that holds the mutex, and blocks until it is killed.
static pid_t start_holder(void) {
  char byte = 'h';
  shared = share_locks(1);
  init_shared_mutex(&shared->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
  open_pipe(from_child);
  pid_t child = fork_child();
  if (child == 0) {
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    CHECK_EQ(write(from_child[kWriteEnd], &byte, 1), 1);
    for (;;) pause();
  }
  CHECK_EQ(read(from_child[kReadEnd], &byte, 1), 1);
  return child;
}

static void end_holder(pid_t child) {
  int status = 0;
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status));
}

static void clean_up(void) {
  close_both(from_child);
  unshare_locks(shared);
}

static void lock_and_recover(void) {
  int error = pthread_mutex_lock(&shared->mutex);
  if (error == EOWNERDEAD) {
    __atomic_add_fetch(&recovered, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(pthread_mutex_consistent(&shared->mutex), 0);
  } else {
    CHECK_EQ(error, 0);
  }
  shared->count++;
  CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
}

static void* lock_of_a_dead_owner(void* unused) {
  entering();
  lock_and_recover();
  return unused;
}

CASE(one_of_the_waiters_recovers) {
  pthread_t threads[kThreads];
  recovered = 0;
  pid_t child = start_holder();
  for (int i = 0; i < kThreads; i++) threads[i] = start(lock_of_a_dead_owner, NULL);
  await_entered(kThreads);
  CHECK_EQ(shared->count, 0);
  end_holder(child);
  join_all(threads, kThreads);
  CHECK_EQ(recovered, 1);
  CHECK_EQ(shared->count, kThreads);
  clean_up();
}

CASE(who_comes_later_recovers) {
  recovered = 0;
  end_holder(start_holder());
  join(start(lock_of_a_dead_owner, NULL));
  lock_and_recover();
  CHECK_EQ(recovered, 1);
  CHECK_EQ(shared->count, 2);
  clean_up();
}

// The first leaves it inconsistent; then nobody gets it, neither who waits already (glibc 2.36 forgets all but one of
// these) nor who comes later.
static void* lock_and_leave_inconsistent(void* unused) {
  entering();
  int error = pthread_mutex_lock(&shared->mutex);
  if (error == EOWNERDEAD) {
    __atomic_add_fetch(&recovered, 1, __ATOMIC_SEQ_CST);
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  } else {
    CHECK_EQ(error, ENOTRECOVERABLE);
    __atomic_add_fetch(&unrecoverable, 1, __ATOMIC_SEQ_CST);
  }
  return unused;
}

CASE(nobody_recovers) {
  pthread_t threads[2];
  recovered = unrecoverable = 0;
  pid_t child = start_holder();
  for (int i = 0; i < 2; i++) threads[i] = start(lock_and_leave_inconsistent, NULL);
  await_entered(2);
  end_holder(child);
  join_all(threads, 2);
  CHECK_EQ(recovered, 1);
  CHECK_EQ(unrecoverable, 1);
  join(start(lock_and_leave_inconsistent, NULL));
  CHECK_EQ(unrecoverable, 2);
  CHECK_EQ(pthread_mutex_lock(&shared->mutex), ENOTRECOVERABLE);
  clean_up();
}

static void* wait_for_signal_and_recover(void* unused) {
  int error = 0;
  CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
  entering();
  while (error == 0 && !shared->turn) error = pthread_cond_wait(&shared->condition, &shared->mutex);
  CHECK_EQ(error, EOWNERDEAD);
  CHECK_EQ(shared->turn, 1);
  CHECK_EQ(pthread_mutex_consistent(&shared->mutex), 0);
  CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  return unused;
}

// The child signals, and dies before it unlocks: it is the wait that says so.
CASE(condition_whose_mutex_has_a_dead_owner) {
  int status = -1;
  shared = share_locks(1);
  init_shared_mutex(&shared->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
  pthread_t thread = start(wait_for_signal_and_recover, NULL);
  await_entered(1);
  pid_t child = fork_child();
  if (child == 0) {
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    shared->turn = 1;
    CHECK_EQ(pthread_cond_signal(&shared->condition), 0);
    usleep(1000);
    _exit(0);
  }
  join(thread);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  unshare_locks(shared);
}
