// The second names of locks and keys: __pthread_mutex_lock and its like, which programs built against an older glibc
// import.
#include "tests/support/case.h"

#define OLD(result, name, ...)    \
  result old_##name(__VA_ARGS__); \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5")

OLD(int, __pthread_mutex_lock, pthread_mutex_t*);
OLD(int, __pthread_mutex_trylock, pthread_mutex_t*);
OLD(int, __pthread_mutex_unlock, pthread_mutex_t*);
OLD(int, __pthread_once, pthread_once_t*, void (*)(void));
OLD(int, __pthread_rwlock_rdlock, pthread_rwlock_t*);
OLD(int, __pthread_rwlock_wrlock, pthread_rwlock_t*);
OLD(int, __pthread_rwlock_tryrdlock, pthread_rwlock_t*);
OLD(int, __pthread_rwlock_trywrlock, pthread_rwlock_t*);
OLD(int, __pthread_rwlock_unlock, pthread_rwlock_t*);
OLD(int, __pthread_key_create, pthread_key_t*, void (*)(void*));
OLD(int, __pthread_setspecific, pthread_key_t, const void*);
OLD(void*, __pthread_getspecific, pthread_key_t);

struct Locks {
  pthread_mutex_t mutex;
  pthread_rwlock_t rwlock;
  int is_held, is_let_go;
};

static void lock_mutex_when_held(void* argument) {
  struct Locks* locks = argument;
  await_flag(&locks->is_held);
  CHECK_EQ(old___pthread_mutex_lock(&locks->mutex), 0);
  CHECK_EQ(locks->is_let_go, 1);
  CHECK_EQ(old___pthread_mutex_trylock(&locks->mutex), EBUSY);
  locks->is_held = locks->is_let_go = 0;
  CHECK_EQ(old___pthread_mutex_unlock(&locks->mutex), 0);
}

static void hold_mutex(void* argument) {
  struct Locks* locks = argument;
  CHECK_EQ(old___pthread_mutex_lock(&locks->mutex), 0);
  set_flag(&locks->is_held);
  usleep(2000);
  locks->is_let_go = 1;
  CHECK_EQ(old___pthread_mutex_unlock(&locks->mutex), 0);
}

static void meet_at_mutex(void) {
  struct Locks locks = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  meet(lock_mutex_when_held, hold_mutex, &locks);
}

CASE(__pthread_mutex_lock) { meet_at_mutex(); }
CASE(__pthread_mutex_trylock) { meet_at_mutex(); }
CASE(__pthread_mutex_unlock) { meet_at_mutex(); }

static void read_lock_when_held(void* argument) {
  struct Locks* locks = argument;
  await_flag(&locks->is_held);
  CHECK_EQ(old___pthread_rwlock_rdlock(&locks->rwlock), 0);
  CHECK_EQ(locks->is_let_go, 1);
  locks->is_held = locks->is_let_go = 0;
  CHECK_EQ(old___pthread_rwlock_trywrlock(&locks->rwlock), EBUSY);
  CHECK_EQ(old___pthread_rwlock_unlock(&locks->rwlock), 0);
}

static void write_lock_when_held(void* argument) {
  struct Locks* locks = argument;
  await_flag(&locks->is_held);
  CHECK_EQ(old___pthread_rwlock_wrlock(&locks->rwlock), 0);
  CHECK_EQ(locks->is_let_go, 1);
  locks->is_held = locks->is_let_go = 0;
  CHECK_EQ(old___pthread_rwlock_tryrdlock(&locks->rwlock), EBUSY);
  CHECK_EQ(old___pthread_rwlock_unlock(&locks->rwlock), 0);
}

static void hold_rwlock(void* argument) {
  struct Locks* locks = argument;
  CHECK_EQ(old___pthread_rwlock_wrlock(&locks->rwlock), 0);
  set_flag(&locks->is_held);
  usleep(2000);
  locks->is_let_go = 1;
  CHECK_EQ(old___pthread_rwlock_unlock(&locks->rwlock), 0);
}

static void meet_at_rwlock(void (*block)(void*)) {
  struct Locks locks = {.rwlock = PTHREAD_RWLOCK_INITIALIZER};
  meet(block, hold_rwlock, &locks);
}

CASE(__pthread_rwlock_rdlock) { meet_at_rwlock(read_lock_when_held); }
CASE(__pthread_rwlock_wrlock) { meet_at_rwlock(write_lock_when_held); }
CASE(__pthread_rwlock_unlock) { meet_at_rwlock(write_lock_when_held); }
CASE(__pthread_rwlock_tryrdlock) { meet_at_rwlock(write_lock_when_held); }
CASE(__pthread_rwlock_trywrlock) { meet_at_rwlock(read_lock_when_held); }

static pthread_once_t control;
static int may_end, runs;

static void initialise(void) {
  await_flag(&may_end);
  runs++;
}

static void* initialise_in_thread(void* unused) {
  (void)unused;
  CHECK_EQ(old___pthread_once(&control, initialise), 0);
  CHECK_EQ(runs, 1);
  return NULL;
}

CASE(__pthread_once) {
  pthread_t threads[] = {start(initialise_in_thread, NULL), start(initialise_in_thread, NULL)};
  usleep(1000);
  set_flag(&may_end);
  join_all(threads, 2);
  CHECK_EQ(runs, 1);
}

static pthread_key_t key;

static void* check_own_value(void* value) {
  CHECK(old___pthread_getspecific(key) == NULL);
  CHECK_EQ(old___pthread_setspecific(key, value), 0);
  usleep(1000);
  CHECK(old___pthread_getspecific(key) == value);
  CHECK(pthread_getspecific(key) == value);
  return NULL;
}

CASE(__pthread_getspecific) {
  pthread_t threads[10];
  CHECK_EQ(old___pthread_key_create(&key, NULL), 0);
  for (int i = 0; i < 10; i++) threads[i] = start(check_own_value, &threads[i]);
  join_all(threads, 10);
  CHECK_EQ(pthread_key_delete(key), 0);
}
