// fork: the locks that threads hold when one of them forks. POSIX.1-2017, fork, pthread_atfork (RATIONALE): the child
// has their states; those of the caller are its own, those of other threads stay locked.
#include <semaphore.h>

#include "tests/posix/child.h"

static pthread_mutex_t normal = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
                       checking = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP,
                       adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, robust, of_other = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER, read_by_two = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t semaphore;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static bool unlocks_normal(void* unused) {
  (void)unused;
  return pthread_mutex_trylock(&normal) == EBUSY && pthread_mutex_unlock(&normal) == 0 &&
         pthread_mutex_lock(&normal) == 0;
}

// glibc knows owners by the thread's id, and the child's is another: it is no owner of what it holds.
static bool is_no_owner_of_checking(void* unused) {
  (void)unused;
  const struct timespec soon = in_ms(CLOCK_REALTIME, 20);
  return pthread_mutex_trylock(&checking) == EBUSY && pthread_mutex_unlock(&checking) == EPERM &&
         pthread_mutex_timedlock(&checking, &soon) == ETIMEDOUT;
}

static bool is_no_owner_of_recursive(void* unused) {
  (void)unused;
  return pthread_mutex_trylock(&recursive) == EBUSY && pthread_mutex_unlock(&recursive) == EPERM;
}

static bool unlocks_adaptive(void* unused) {
  (void)unused;
  return pthread_mutex_unlock(&adaptive) == 0 && pthread_mutex_trylock(&adaptive) == 0;
}

static bool finds_written_locked(void* unused) {
  (void)unused;
  return pthread_rwlock_tryrdlock(&written) == EBUSY && pthread_rwlock_trywrlock(&written) == EBUSY;
}

static bool unlocks_read(void* unused) {
  (void)unused;
  return pthread_rwlock_tryrdlock(&read_by_two) == 0 && pthread_rwlock_trywrlock(&read_by_two) == EBUSY &&
         pthread_rwlock_unlock(&read_by_two) == 0 && pthread_rwlock_unlock(&read_by_two) == 0 &&
         pthread_rwlock_trywrlock(&read_by_two) == 0;
}

static bool unlocks_spin(void* unused) {
  (void)unused;
  return pthread_spin_trylock(&spin) == EBUSY && pthread_spin_unlock(&spin) == 0 && pthread_spin_trylock(&spin) == 0;
}

static bool has_own_semaphore(void* unused) {
  int value = -1;
  (void)unused;
  return sem_trywait(&semaphore) == 0 && sem_post(&semaphore) == 0 && sem_post(&semaphore) == 0 &&
         sem_getvalue(&semaphore, &value) == 0 && value == 4;
}

static void* take_normal(void* unused) {
  CHECK_EQ(pthread_mutex_lock(&normal), 0);
  CHECK_EQ(pthread_mutex_unlock(&normal), 0);
  return unused;
}

// The lock is handed to a thread of the child's.
static bool hands_on_normal(void* unused) {
  (void)unused;
  pthread_t thread = start(take_normal, NULL);
  usleep(1000);
  if (pthread_mutex_unlock(&normal) != 0) return false;
  join(thread);
  return pthread_mutex_trylock(&normal) == 0;
}

static void* hold_all(void* unused) {
  int value = -1;
  CHECK_EQ(pthread_mutex_lock(&normal), 0);
  CHECK_EQ(pthread_mutex_lock(&recursive), 0);
  CHECK_EQ(pthread_mutex_lock(&checking), 0);
  CHECK_EQ(pthread_mutex_lock(&adaptive), 0);
  CHECK_EQ(pthread_rwlock_wrlock(&written), 0);
  CHECK_EQ(pthread_rwlock_rdlock(&read_by_two), 0);
  CHECK_EQ(pthread_spin_lock(&spin), 0);
  HOLDS(fork, "the child may unlock a mutex that the caller holds", in_child(unlocks_normal, NULL));
  HOLDS(fork, "the child may unlock an adaptive mutex that the caller holds", in_child(unlocks_adaptive, NULL));
  HOLDS(fork, "a mutex that checks for errors stays locked in the child", in_child(is_no_owner_of_checking, NULL));
  HOLDS(fork, "a recursive mutex stays locked in the child", in_child(is_no_owner_of_recursive, NULL));
  HOLDS(fork, "a rwlock that the caller has for writing is locked in the child", in_child(finds_written_locked, NULL));
  HOLDS(fork, "the child may unlock a rwlock that the caller has for reading", in_child(unlocks_read, NULL));
  HOLDS(fork, "the child may unlock a spin lock that the caller holds", in_child(unlocks_spin, NULL));
  HOLDS(fork, "a mutex of the caller's is handed to a thread of the child's", in_child(hands_on_normal, NULL));
  HOLDS(fork, "an unnamed semaphore keeps its value, and is the child's own",
        in_child(has_own_semaphore, NULL) && sem_getvalue(&semaphore, &value) == 0 && value == 3);
  HOLDS(fork, "what the child unlocks stays locked in the parent",
        pthread_mutex_trylock(&normal) == EBUSY && pthread_mutex_trylock(&adaptive) == EBUSY &&
            pthread_rwlock_tryrdlock(&written) == EBUSY && pthread_spin_trylock(&spin) == EBUSY);
  CHECK_EQ(pthread_mutex_unlock(&normal), 0);
  CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
  CHECK_EQ(pthread_mutex_unlock(&checking), 0);
  CHECK_EQ(pthread_mutex_unlock(&adaptive), 0);
  CHECK_EQ(pthread_rwlock_unlock(&written), 0);
  CHECK_EQ(pthread_rwlock_unlock(&read_by_two), 0);
  CHECK_EQ(pthread_spin_unlock(&spin), 0);
  return unused;
}

CASE(of_the_caller) {
  CHECK_EQ(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE), 0);
  CHECK_EQ(sem_init(&semaphore, 0, 3), 0);
  hold_all(NULL);
  join(start(hold_all, NULL));
}

static int held, done;

static void* hold_for_others(void* unused) {
  CHECK_EQ(pthread_mutex_lock(&of_other), 0);
  CHECK_EQ(pthread_rwlock_wrlock(&written), 0);
  set_flag(&held);
  while (!is_set(&done)) usleep(1000);
  CHECK_EQ(pthread_rwlock_unlock(&written), 0);
  CHECK_EQ(pthread_mutex_unlock(&of_other), 0);
  return unused;
}

static bool finds_mutex_locked(void* unused) {
  (void)unused;
  const struct timespec soon = in_ms(CLOCK_REALTIME, 20);
  return pthread_mutex_trylock(&of_other) == EBUSY && pthread_mutex_timedlock(&of_other, &soon) == ETIMEDOUT;
}

static bool finds_rwlock_locked(void* unused) {
  (void)unused;
  const struct timespec soon = in_ms(CLOCK_REALTIME, 20);
  return pthread_rwlock_tryrdlock(&written) == EBUSY && pthread_rwlock_timedrdlock(&written, &soon) == ETIMEDOUT &&
         pthread_rwlock_timedwrlock(&written, &soon) == ETIMEDOUT;
}

static bool makes_lock_anew(void* unused) {
  (void)unused;
  return pthread_mutex_init(&of_other, NULL) == 0 && pthread_mutex_lock(&of_other) == 0 &&
         pthread_mutex_unlock(&of_other) == 0;
}

static bool waits_in_vain(void* unused) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const struct timespec soon = in_ms(CLOCK_REALTIME, 20);
  (void)unused;
  return pthread_mutex_lock(&mutex) == 0 && pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT &&
         pthread_mutex_unlock(&mutex) == 0;
}

CASE(of_others) {
  held = 0;
  pthread_t thread = start(hold_for_others, NULL);
  await_flag(&held);
  HOLDS(fork, "a mutex that another thread holds stays locked in the child", in_child(finds_mutex_locked, NULL));
  HOLDS(fork, "the same in the child of a thread", in_child_of_thread(finds_mutex_locked, NULL));
  HOLDS(fork, "a rwlock that another thread has stays locked in the child", in_child(finds_rwlock_locked, NULL));
  HOLDS(fork, "the same in the child of a thread", in_child_of_thread(finds_rwlock_locked, NULL));
  HOLDS(pthread_mutex_init, "makes such a mutex usable in the child", in_child_of_thread(makes_lock_anew, NULL));
  HOLDS(pthread_cond_timedwait, "ETIMEDOUT in a child in which nobody is", in_child_of_thread(waits_in_vain, NULL));
  set_flag(&done);
  join(thread);
}

static bool finds_owner_alive(void* unused) {
  (void)unused;
  const struct timespec soon = in_ms(CLOCK_REALTIME, 20);
  return pthread_mutex_timedlock(&robust, &soon) == ETIMEDOUT;
}

CASE(robust) {
  pthread_mutexattr_t attributes;
  CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
  CHECK_EQ(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0);
  CHECK_EQ(pthread_mutex_init(&robust, &attributes), 0);
  CHECK_EQ(pthread_mutex_lock(&robust), 0);
  HOLDS(fork, "a robust mutex of the caller's is not the child's", in_child(finds_owner_alive, NULL));
  HOLDS(fork, "the end of the child leaves a robust mutex to the caller", pthread_mutex_unlock(&robust) == 0);
}
