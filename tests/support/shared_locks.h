// One lock of each kind in memory that child processes share, and such children.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <sys/types.h>

struct SharedLocks {
  pthread_mutex_t mutex;
  pthread_cond_t condition, monotonic_condition;
  pthread_rwlock_t rwlock;
  pthread_barrier_t barrier;
  sem_t semaphore, answer;  // both zero
  long count, twin;         // what the locks protect
  int inside, turn, serials;
};

// All of it process-shared, the barrier for `parties` threads. Ends with the process that maps it, or unshare_locks().
struct SharedLocks* share_locks(unsigned parties);
void unshare_locks(struct SharedLocks* locks);

void init_shared_mutex(pthread_mutex_t* mutex, int type, int protocol, int robustness);

// fork(), and a time limit for the child.
pid_t fork_child(void);
void await_child(pid_t child);  // which must end with exit status 0
