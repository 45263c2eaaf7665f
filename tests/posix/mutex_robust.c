// Robust mutexes at the death of their owner, with and without priority inheritance.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

static const struct timespec past = {0, 0};

static pthread_mutex_t make(int type, int protocol) {
  pthread_mutex_t mutex;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK_EQ(pthread_mutexattr_settype(&attributes, type), 0);
  CHECK_EQ(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
  CHECK_EQ(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0);
  CHECK_EQ(pthread_mutex_init(&mutex, &attributes), 0);
  return mutex;
}

static int lock(void* mutex) { return pthread_mutex_lock(mutex); }
static int try_lock(void* mutex) { return pthread_mutex_trylock(mutex); }
static int unlock(void* mutex) { return pthread_mutex_unlock(mutex); }
static int lock_in_the_past(void* mutex) { return pthread_mutex_timedlock(mutex, &past); }
static int lock_and_unlock(void* mutex) {
  int error = lock(mutex);
  return error != 0 ? error : unlock(mutex);
}
static int lock_and_exit(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  pthread_exit(NULL);
}
static int exit_in_time(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  usleep(2000);
  return 0;
}

static void* lock_and_die(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  return NULL;
}

CASE(attribute) {
  pthread_mutexattr_t attributes;
  int value = -1;
  pthread_mutexattr_init(&attributes);
  HOLDS(pthread_mutexattr_getrobust, "is PTHREAD_MUTEX_STALLED by default",
        pthread_mutexattr_getrobust(&attributes, &value) == 0 && value == PTHREAD_MUTEX_STALLED);
  HOLDS(pthread_mutexattr_setrobust, "EINVAL for a value that does not exist",
        pthread_mutexattr_setrobust(&attributes, 77) == EINVAL);
  HOLDS(pthread_mutexattr_setrobust, "sets what getrobust gives",
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
            pthread_mutexattr_getrobust(&attributes, &value) == 0 && value == PTHREAD_MUTEX_ROBUST);
  HOLDS(pthread_mutexattr_getprotocol, "is PTHREAD_PRIO_NONE by default",
        pthread_mutexattr_getprotocol(&attributes, &value) == 0 && value == PTHREAD_PRIO_NONE);
  HOLDS(pthread_mutexattr_setprotocol, "EINVAL for a value that does not exist",
        pthread_mutexattr_setprotocol(&attributes, 77) == EINVAL);
  HOLDS(pthread_mutexattr_setprotocol, "sets what getprotocol gives",
        pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0 &&
            pthread_mutexattr_getprotocol(&attributes, &value) == 0 && value == PTHREAD_PRIO_INHERIT);
}

CASE(dead_owner) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  HOLDS(pthread_mutex_consistent, "EINVAL where the mutex does not protect an inconsistent state",
        pthread_mutex_consistent(&mutex) == EINVAL);
  join(start(lock_and_die, &mutex));
  HOLDS(pthread_mutex_lock, "EOWNERDEAD where the owner ended while it held a robust mutex",
        lock(&mutex) == EOWNERDEAD);
  HOLDS(pthread_mutex_lock, "has locked it when it returns EOWNERDEAD", by_another(try_lock, &mutex) == EBUSY);
  HOLDS(pthread_mutex_consistent, "makes it consistent", pthread_mutex_consistent(&mutex) == 0);
  HOLDS(pthread_mutex_consistent, "EINVAL a second time", pthread_mutex_consistent(&mutex) == EINVAL);
  HOLDS(pthread_mutex_unlock, "a mutex made consistent is normal again",
        unlock(&mutex) == 0 && by_another(lock_and_unlock, &mutex) == 0);
  by_another(lock_and_exit, &mutex);
  HOLDS(pthread_mutex_trylock, "EOWNERDEAD where the owner called pthread_exit", try_lock(&mutex) == EOWNERDEAD);
  pthread_mutex_consistent(&mutex);
  unlock(&mutex);
  join(start(lock_and_die, &mutex));
  HOLDS(pthread_mutex_timedlock, "EOWNERDEAD, though the deadline has passed", lock_in_the_past(&mutex) == EOWNERDEAD);
  HOLDS(pthread_mutex_unlock, "unlocks it inconsistent", unlock(&mutex) == 0);
  HOLDS(pthread_mutex_lock, "ENOTRECOVERABLE where it was unlocked inconsistent", lock(&mutex) == ENOTRECOVERABLE);
  HOLDS(pthread_mutex_timedlock, "ENOTRECOVERABLE where it was unlocked inconsistent",
        lock_in_the_past(&mutex) == ENOTRECOVERABLE);
  HOLDS(pthread_mutex_lock, "ENOTRECOVERABLE for every thread", by_another(lock, &mutex) == ENOTRECOVERABLE);
  HOLDS(pthread_mutex_destroy, "destroys one that is not recoverable", pthread_mutex_destroy(&mutex) == 0);
  mutex = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  HOLDS(pthread_mutex_init, "makes it usable again", lock(&mutex) == 0 && unlock(&mutex) == 0);
}

static void* die_while_another_waits(void* mutex) {
  entering();
  exit_in_time(mutex);
  return NULL;
}

CASE(while_waiting) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  pthread_t owner = start(die_while_another_waits, &mutex);
  await_entered(1);
  HOLDS(pthread_mutex_lock, "EOWNERDEAD where the owner ends while it is waited for", lock(&mutex) == EOWNERDEAD);
  pthread_mutex_consistent(&mutex);
  unlock(&mutex);
  join(owner);
}

static pthread_mutex_t many[3];

static void* lock_many_and_die(void* unused) {
  for (int i = 0; i < 3; i++) CHECK_EQ(lock(&many[i]), 0);
  CHECK_EQ(unlock(&many[1]), 0);
  return unused;
}

CASE(several) {
  for (int i = 0; i < 3; i++) many[i] = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  join(start(lock_many_and_die, NULL));
  HOLDS(pthread_mutex_lock, "EOWNERDEAD for each mutex that the owner held",
        lock(&many[0]) == EOWNERDEAD && lock(&many[2]) == EOWNERDEAD);
  HOLDS(pthread_mutex_lock, "0 for one that it had unlocked", lock(&many[1]) == 0);
}

static pthread_mutex_t in_destructor;
static pthread_key_t key;

static void unlock_in_destructor(void* mutex) { CHECK_EQ(unlock(mutex), 0); }

static void* lock_until_destructor(void* mutex) {
  CHECK_EQ(pthread_setspecific(key, mutex), 0);
  CHECK_EQ(lock(mutex), 0);
  return NULL;
}

CASE(destructors) {
  in_destructor = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  CHECK_EQ(pthread_key_create(&key, unlock_in_destructor), 0);
  join(start(lock_until_destructor, &in_destructor));
  HOLDS(pthread_mutex_lock, "0 where a key's destructor of the ending thread has unlocked it",
        lock(&in_destructor) == 0);
}

static void* lock_twice_and_die(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  CHECK_EQ(lock(mutex), 0);
  return NULL;
}

CASE(types) {
  pthread_mutex_t recursive = make(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE);
  join(start(lock_twice_and_die, &recursive));
  HOLDS(pthread_mutex_lock, "EOWNERDEAD of a recursive mutex that was locked twice", lock(&recursive) == EOWNERDEAD);
  pthread_mutex_consistent(&recursive);
  HOLDS(pthread_mutex_unlock, "once is enough after that", unlock(&recursive) == 0 && unlock(&recursive) == EPERM);
  pthread_mutex_t checking = make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE);
  HOLDS(pthread_mutex_lock, "EDEADLK of a robust error-checking mutex",
        lock(&checking) == 0 && lock(&checking) == EDEADLK);
  HOLDS(pthread_mutex_unlock, "EPERM for who does not hold a robust mutex", by_another(unlock, &checking) == EPERM);
  pthread_mutex_t normal = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  lock(&normal);
  HOLDS(pthread_mutex_unlock, "EPERM for who does not hold a robust normal mutex",
        by_another(unlock, &normal) == EPERM);
  CHECK_EQ(unlock(&normal), 0);  // glibc's list of what the thread holds leads through it
  CHECK_EQ(unlock(&checking), 0);
}

CASE(inheriting) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT);
  join(start(lock_and_die, &mutex));
  HOLDS(pthread_mutex_lock, "EOWNERDEAD of an inheriting mutex", lock(&mutex) == EOWNERDEAD);
  HOLDS(pthread_mutex_lock, "has locked the inheriting mutex", by_another(try_lock, &mutex) == EBUSY);
  HOLDS(pthread_mutex_consistent, "makes an inheriting mutex consistent", pthread_mutex_consistent(&mutex) == 0);
  HOLDS(pthread_mutex_unlock, "an inheriting mutex made consistent is normal again",
        unlock(&mutex) == 0 && by_another(lock_and_unlock, &mutex) == 0);
  pthread_t owner = start(die_while_another_waits, &mutex);
  await_entered(1);
  HOLDS(pthread_mutex_lock, "EOWNERDEAD of an inheriting mutex while it is waited for", lock(&mutex) == EOWNERDEAD);
  join(owner);
  HOLDS(pthread_mutex_unlock, "unlocks an inheriting mutex inconsistent", unlock(&mutex) == 0);
  HOLDS(pthread_mutex_lock, "ENOTRECOVERABLE of an inheriting mutex", lock(&mutex) == ENOTRECOVERABLE);
  HOLDS(pthread_mutex_lock, "ENOTRECOVERABLE of an inheriting mutex for every thread",
        by_another(lock, &mutex) == ENOTRECOVERABLE);
  pthread_mutex_t again = make(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT);
  join(start(lock_and_die, &again));
  HOLDS(pthread_mutex_trylock, "EOWNERDEAD of an inheriting mutex", try_lock(&again) == EOWNERDEAD);
  pthread_mutex_consistent(&again);
  unlock(&again);
}

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int is_signalled;

static void* signal_and_die(void* mutex) {
  CHECK_EQ(lock(mutex), 0);
  is_signalled = 1;
  CHECK_EQ(pthread_cond_signal(&condition), 0);
  return NULL;
}

static bool is_told_by_wait(int protocol) {
  pthread_mutex_t mutex = make(PTHREAD_MUTEX_NORMAL, protocol);
  int error = lock(&mutex);
  is_signalled = 0;
  pthread_t owner = start(signal_and_die, &mutex);
  while (error == 0 && !is_signalled) error = pthread_cond_wait(&condition, &mutex);
  if (error == 0) error = pthread_cond_wait(&condition, &mutex);
  join(owner);
  return error == EOWNERDEAD && pthread_mutex_consistent(&mutex) == 0 && unlock(&mutex) == 0;
}

CASE(conditions) {
  HOLDS(pthread_cond_wait, "EOWNERDEAD where the owner of the mutex ended", is_told_by_wait(PTHREAD_PRIO_NONE));
  HOLDS(pthread_cond_wait, "EOWNERDEAD where the owner of an inheriting mutex ended",
        is_told_by_wait(PTHREAD_PRIO_INHERIT));
}
