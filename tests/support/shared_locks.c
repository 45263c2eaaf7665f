#include "tests/support/shared_locks.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/case.h"

void init_shared_mutex(pthread_mutex_t* mutex, int type, int protocol, int robustness) {
  pthread_mutexattr_t attributes;
  CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, type), 0);
  CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
  CHECK_EQ(pthread_mutexattr_setrobust(&attributes, robustness), 0);
  CHECK_EQ(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ(pthread_mutex_init(mutex, &attributes), 0);
}

static void init_conditions(struct SharedLocks* locks) {
  pthread_condattr_t attributes;
  CHECK_EQ(pthread_condattr_init(&attributes), 0);
  CHECK_EQ(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ(pthread_cond_init(&locks->condition, &attributes), 0);
  CHECK_EQ(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
  CHECK_EQ(pthread_cond_init(&locks->monotonic_condition, &attributes), 0);
}

struct SharedLocks* share_locks(unsigned parties) {
  pthread_rwlockattr_t rwlock;
  pthread_barrierattr_t barrier;
  struct SharedLocks* locks = mmap(NULL, sizeof *locks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(locks != MAP_FAILED);
  init_shared_mutex(&locks->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
  init_conditions(locks);
  CHECK_EQ(pthread_rwlockattr_init(&rwlock), 0);
  CHECK_EQ(pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ(pthread_rwlock_init(&locks->rwlock, &rwlock), 0);
  CHECK_EQ(pthread_barrierattr_init(&barrier), 0);
  CHECK_EQ(pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ(pthread_barrier_init(&locks->barrier, &barrier, parties), 0);
  CHECK_EQ(sem_init(&locks->semaphore, 1, 0), 0);
  CHECK_EQ(sem_init(&locks->answer, 1, 0), 0);
  return locks;
}

void unshare_locks(struct SharedLocks* locks) { CHECK_EQ(munmap(locks, sizeof *locks), 0); }

pid_t fork_child(void) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) alarm(20);
  return child;
}

void await_child(pid_t child) {
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}
