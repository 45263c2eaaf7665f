// Semaphores, POSIX.1-2017.
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kShort = 5, kWaiters = 5 };

static const struct timespec past = {0, 0}, wrong = {0, 1000000000}, negative = {0, -1};
static struct timespec deadline;

#define FAILS(call, error) (errno = 0, (call) == -1 && errno == (error))

static int value_of(sem_t* semaphore) {
  int value = -77;
  CHECK_EQ(sem_getvalue(semaphore, &value), 0);
  return value;
}

static int wait_shortly(sem_t* semaphore) {
  deadline = in_ms(CLOCK_REALTIME, kShort);
  return sem_timedwait(semaphore, &deadline);
}

static int clock_wait_shortly(sem_t* semaphore) {
  deadline = in_ms(CLOCK_MONOTONIC, kShort);
  return sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline);
}

static bool is_over(clockid_t clock) { return now_ns(clock) >= deadline.tv_sec * 1000000000LL + deadline.tv_nsec; }

CASE(values) {
  sem_t semaphore;
  HOLDS(sem_init, "EINVAL for a value above SEM_VALUE_MAX", FAILS(sem_init(&semaphore, 0, SEM_VALUE_MAX + 1U), EINVAL));
  HOLDS(sem_init, "initialises to the value", sem_init(&semaphore, 0, 3) == 0 && value_of(&semaphore) == 3);
  HOLDS(sem_wait, "decrements it, where it is above zero", sem_wait(&semaphore) == 0 && value_of(&semaphore) == 2);
  HOLDS(sem_trywait, "decrements it, where it is above zero",
        sem_trywait(&semaphore) == 0 && value_of(&semaphore) == 1);
  HOLDS(sem_timedwait, "decrements it at once, though the deadline has passed",
        sem_timedwait(&semaphore, &past) == 0 && value_of(&semaphore) == 0);
  HOLDS(sem_trywait, "EAGAIN where it is zero", FAILS(sem_trywait(&semaphore), EAGAIN));
  HOLDS(sem_trywait, "a failed one leaves the value", value_of(&semaphore) == 0);
  HOLDS(sem_post, "increments it", sem_post(&semaphore) == 0 && value_of(&semaphore) == 1);
  HOLDS(sem_destroy, "destroys it", sem_destroy(&semaphore) == 0);
  HOLDS(sem_init, "takes SEM_VALUE_MAX",
        sem_init(&semaphore, 0, SEM_VALUE_MAX) == 0 && value_of(&semaphore) == SEM_VALUE_MAX);
  HOLDS(sem_post, "EOVERFLOW at SEM_VALUE_MAX", FAILS(sem_post(&semaphore), EOVERFLOW));
  HOLDS(sem_post, "a failed one leaves the value", value_of(&semaphore) == SEM_VALUE_MAX);
  errno = 77;
  HOLDS(sem_wait, "leaves errno where it succeeds", sem_wait(&semaphore) == 0 && errno == 77);
}

CASE(deadlines) {
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  HOLDS(sem_timedwait, "ETIMEDOUT where the deadline has passed", FAILS(sem_timedwait(&semaphore, &past), ETIMEDOUT));
  HOLDS(sem_timedwait, "ETIMEDOUT when the deadline passes, not earlier",
        FAILS(wait_shortly(&semaphore), ETIMEDOUT) && is_over(CLOCK_REALTIME));
  HOLDS(sem_timedwait, "EINVAL for 1,000,000,000 nanoseconds, where it would block",
        FAILS(sem_timedwait(&semaphore, &wrong), EINVAL));
  HOLDS(sem_timedwait, "EINVAL for negative nanoseconds, where it would block",
        FAILS(sem_timedwait(&semaphore, &negative), EINVAL));
  HOLDS(sem_clockwait, "ETIMEDOUT when the deadline passes on that clock, not earlier",
        FAILS(clock_wait_shortly(&semaphore), ETIMEDOUT) && is_over(CLOCK_MONOTONIC));
  HOLDS(sem_clockwait, "EINVAL for a clock that can't be waited for",
        FAILS(sem_clockwait(&semaphore, CLOCK_PROCESS_CPUTIME_ID, &past), EINVAL));
  HOLDS(sem_timedwait, "a failed one leaves the value", value_of(&semaphore) == 0);
  sem_post(&semaphore);
  HOLDS(sem_clockwait, "decrements it at once, though the deadline has passed",
        sem_clockwait(&semaphore, CLOCK_MONOTONIC, &past) == 0 && value_of(&semaphore) == 0);
}

static int posted, gone;

static void* wait_for_post(void* semaphore) {
  entering();
  CHECK_EQ(sem_wait(semaphore), 0);
  CHECK(is_set(&posted));
  __atomic_add_fetch(&gone, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

// `round`: how often it was called in this case, with this time.
static bool posts_wake(sem_t* semaphore, int round) {
  pthread_t threads[kWaiters];
  posted = gone = 0;
  for (int i = 0; i < kWaiters; i++) threads[i] = start(wait_for_post, semaphore);
  await_entered(round * kWaiters);
  set_flag(&posted);
  for (int i = 0; i < kWaiters; i++) CHECK_EQ(sem_post(semaphore), 0);
  join_all(threads, kWaiters);
  return gone == kWaiters && value_of(semaphore) == 0;
}

CASE(waiting) {
  sem_t private, shared;
  HOLDS(sem_init, "makes it for threads of one process", sem_init(&private, 0, 0) == 0);
  HOLDS(sem_wait, "blocks while it is zero; as many posts as waiters wake them all", posts_wake(&private, 1));
  HOLDS(sem_init, "makes it for threads of several processes", sem_init(&shared, 1, 0) == 0);
  HOLDS(sem_wait, "blocks while a process-shared one is zero; each post wakes one", posts_wake(&shared, 2));
}

static char name[64];

static sem_t* open_named(int flags, unsigned value) { return sem_open(name, flags, 0600, value); }

static bool child_posts(void) {
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    sem_t* same = sem_open(name, 0);
    _exit(same != SEM_FAILED && sem_post(same) == 0 ? 0 : 1);
  }
  return waitpid(child, &status, 0) == child && status == 0;
}

CASE(named) {
  snprintf(name, sizeof name, "/evergreen-%d", (int)getpid());
  HOLDS(sem_open, "ENOENT where there is none", (errno = 0, sem_open(name, 0) == SEM_FAILED && errno == ENOENT));
  sem_t* semaphore = open_named(O_CREAT | O_EXCL, 2);
  HOLDS(sem_open, "creates it with the value", semaphore != SEM_FAILED && value_of(semaphore) == 2);
  HOLDS(sem_open, "EEXIST with O_EXCL where there is one",
        (errno = 0, open_named(O_CREAT | O_EXCL, 2) == SEM_FAILED && errno == EEXIST));
  HOLDS(sem_open, "EINVAL for a value above SEM_VALUE_MAX",
        (errno = 0, sem_open("/evergreen-no", O_CREAT, 0600, SEM_VALUE_MAX + 1U) == SEM_FAILED && errno == EINVAL));
  HOLDS(sem_open, "EINVAL for a name that is a slash alone",
        (errno = 0, sem_open("/", O_CREAT, 0600, 1) == SEM_FAILED && errno == EINVAL));
  HOLDS(sem_open, "gives the same address for the same name in one process", sem_open(name, 0) == semaphore);
  HOLDS(sem_open, "the value is for who creates it", open_named(O_CREAT, 7) == semaphore && value_of(semaphore) == 2);
  HOLDS(sem_wait, "decrements a named one", sem_wait(semaphore) == 0 && sem_wait(semaphore) == 0);
  HOLDS(sem_timedwait, "ETIMEDOUT of a named one", FAILS(wait_shortly(semaphore), ETIMEDOUT));
  HOLDS(sem_post, "of a named one counts in other processes", child_posts() && sem_wait(semaphore) == 0);
  HOLDS(sem_wait, "blocks while a named one is zero; each post wakes one", posts_wake(semaphore, 1));
  HOLDS(sem_close, "as often as it was opened", sem_close(semaphore) == 0 && sem_close(semaphore) == 0);
  HOLDS(sem_unlink, "removes the name", sem_unlink(name) == 0);
  HOLDS(sem_unlink, "ENOENT where there is none", FAILS(sem_unlink(name), ENOENT));
  HOLDS(sem_unlink, "leaves it to who has it open", sem_post(semaphore) == 0 && value_of(semaphore) == 1);
  HOLDS(sem_open, "ENOENT after it was removed", (errno = 0, sem_open(name, 0) == SEM_FAILED && errno == ENOENT));
  HOLDS(sem_close, "closes it", sem_close(semaphore) == 0);
  HOLDS(sem_close, "EINVAL for one that is not open", FAILS(sem_close(semaphore), EINVAL));
}
