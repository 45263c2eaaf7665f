// What a signal does to a thread that waits for a lock: POSIX.1-2017, signal(7).
#include <semaphore.h>
#include <signal.h>

#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kLong = 100000 };

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock;
static pthread_barrier_t barrier;
static pthread_cond_t condition;
static sem_t semaphore;
static int handled, is_set_by_main;

static void handle(int signal) {
  (void)signal;
  __atomic_store_n(&handled, 1, __ATOMIC_SEQ_CST);
}

static void install(int flags) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

static int lock_mutex(void* unused) {
  (void)unused;
  int error = pthread_mutex_lock(&mutex);
  return error != 0 ? error : pthread_mutex_unlock(&mutex);
}

static int read_lock(void* unused) {
  (void)unused;
  int error = pthread_rwlock_rdlock(&rwlock);
  return error != 0 ? error : pthread_rwlock_unlock(&rwlock);
}

static int write_lock(void* unused) {
  (void)unused;
  int error = pthread_rwlock_wrlock(&rwlock);
  return error != 0 ? error : pthread_rwlock_unlock(&rwlock);
}

static int wait_at_barrier(void* unused) {
  (void)unused;
  return pthread_barrier_wait(&barrier) > 0;
}

static int wait_for_condition(void* unused) {
  (void)unused;
  int error = pthread_mutex_lock(&mutex);
  while (error == 0 && !is_set_by_main) error = pthread_cond_wait(&condition, &mutex);
  pthread_mutex_unlock(&mutex);
  return error;
}

static int wait_for_semaphore(void* unused) {
  (void)unused;
  return sem_wait(&semaphore) == 0 ? 0 : errno;
}

static int wait_for_semaphore_in_time(void* unused) {
  (void)unused;
  struct timespec deadline = in_ms(CLOCK_REALTIME, kLong);
  return sem_timedwait(&semaphore, &deadline) == 0 ? 0 : errno;
}

struct Waiter {
  int (*wait)(void*);
  int is_over, error;
};

static void* run_waiter(void* argument) {
  struct Waiter* waiter = argument;
  entering();
  waiter->error = waiter->wait(NULL);
  set_flag(&waiter->is_over);
  return NULL;
}

// Signals the one thread that waits. Once the handler has run it gives the wait a moment to end, which it must not.
static pthread_t start_and_signal(struct Waiter* waiter) {
  handled = 0;
  pthread_t thread = start(run_waiter, waiter);
  await_entered(1);
  usleep(5000);
  CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
  while (!is_set(&handled)) usleep(100);
  usleep(2000);
  return thread;
}

#define WAITER(call) \
  { .wait = call }

CASE(mutexes) {
  struct Waiter waiter = WAITER(lock_mutex);
  pthread_mutex_init(&mutex, NULL);
  install(0);
  pthread_mutex_lock(&mutex);
  pthread_t thread = start_and_signal(&waiter);
  HOLDS(pthread_mutex_lock, "the handler runs while the thread waits", is_set(&handled));
  HOLDS(pthread_mutex_lock, "resumes waiting upon return from the handler", !is_set(&waiter.is_over));
  pthread_mutex_unlock(&mutex);
  join(thread);
  HOLDS(pthread_mutex_lock, "shall not return EINTR", waiter.error == 0);
}

CASE(readers) {
  struct Waiter waiter = WAITER(read_lock);
  pthread_rwlock_init(&rwlock, NULL);
  pthread_rwlock_wrlock(&rwlock);
  pthread_t thread = start_and_signal(&waiter);
  HOLDS(pthread_rwlock_rdlock, "resumes waiting upon return from the handler", !is_set(&waiter.is_over));
  pthread_rwlock_unlock(&rwlock);
  join(thread);
  HOLDS(pthread_rwlock_rdlock, "shall not return EINTR", waiter.error == 0);
}

CASE(writers) {
  struct Waiter waiter = WAITER(write_lock);
  pthread_rwlock_rdlock(&rwlock);
  pthread_t thread = start_and_signal(&waiter);
  HOLDS(pthread_rwlock_wrlock, "resumes waiting upon return from the handler", !is_set(&waiter.is_over));
  pthread_rwlock_unlock(&rwlock);
  join(thread);
  HOLDS(pthread_rwlock_wrlock, "shall not return EINTR", waiter.error == 0);
}

CASE(barriers) {
  struct Waiter waiter = WAITER(wait_at_barrier);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread = start_and_signal(&waiter);
  HOLDS(pthread_barrier_wait, "resumes waiting upon return from the handler", !is_set(&waiter.is_over));
  int result = pthread_barrier_wait(&barrier);
  join(thread);
  HOLDS(pthread_barrier_wait, "completes after a handler as without",
        (result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD) && waiter.error == 0);
}

CASE(conditions) {
  struct Waiter waiter = WAITER(wait_for_condition);
  pthread_mutex_init(&mutex, NULL);
  pthread_cond_init(&condition, NULL);
  pthread_t thread = start_and_signal(&waiter);
  pthread_mutex_lock(&mutex);
  is_set_by_main = 1;
  pthread_cond_signal(&condition);
  pthread_mutex_unlock(&mutex);
  join(thread);
  HOLDS(pthread_cond_wait, "shall not return EINTR: it resumes waiting, or returns 0", waiter.error == 0);
}

CASE(semaphores) {
  struct Waiter waiter = WAITER(wait_for_semaphore);
  sem_init(&semaphore, 0, 0);
  install(0);
  join(start_and_signal(&waiter));
  HOLDS(sem_wait, "EINTR where it was interrupted by a handler", waiter.error == EINTR);
}

CASE(restarted_semaphores) {
  struct Waiter waiter = WAITER(wait_for_semaphore);
  install(SA_RESTART);
  pthread_t thread = start_and_signal(&waiter);
  HOLDS(sem_wait, "is restarted after a handler with SA_RESTART", !is_set(&waiter.is_over));
  sem_post(&semaphore);
  join(thread);
  HOLDS(sem_wait, "gets what is posted after the restart", waiter.error == 0);
}

CASE(semaphores_with_deadlines) {
  struct Waiter waiter = WAITER(wait_for_semaphore_in_time);
  install(0);
  join(start_and_signal(&waiter));
  HOLDS(sem_timedwait, "EINTR where it was interrupted by a handler", waiter.error == EINTR);
}

CASE(restarted_semaphores_with_deadlines) {
  struct Waiter waiter = WAITER(wait_for_semaphore_in_time);
  install(SA_RESTART);
  pthread_t thread = start_and_signal(&waiter);
  bool is_over = is_set(&waiter.is_over);
  sem_post(&semaphore);
  join(thread);
  // man 7 signal lists it among those that are restarted.
  HOLDS(sem_timedwait, "EINTR even with SA_RESTART: Linux restarts no futex that has a timeout",
        is_over && waiter.error == EINTR);
  CHECK_EQ(sem_wait(&semaphore), 0);
}
