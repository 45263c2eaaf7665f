// fork by threads of all kinds, and what the child can do: threads, waits, further children. POSIX.1-2017, fork;
// glibc's children may go on to use all of libc.
#include <poll.h>
#include <semaphore.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "tests/posix/child.h"

enum { kThreads = 20 };

static void* give_back(void* argument) {
  usleep(100);
  return argument;
}

static bool makes_threads(void* unused) {
  pthread_t threads[kThreads];
  bool all = true;
  (void)unused;
  for (int i = 0; i < kThreads; i++) threads[i] = start(give_back, &threads[i]);
  for (int i = 0; i < kThreads; i++) all = join(threads[i]) == &threads[i] && all;
  return all;
}

struct Waits {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  pthread_barrier_t barrier;
  sem_t semaphore;
  int pipe[2], pair[2], turn;
};

static void* answer(void* argument) {
  struct Waits* waits = argument;
  char byte;
  if (read(waits->pipe[0], &byte, 1) != 1 || send(waits->pair[1], &byte, 1, 0) != 1) return NULL;
  sem_wait(&waits->semaphore);
  pthread_mutex_lock(&waits->mutex);
  waits->turn = 1;
  pthread_cond_signal(&waits->condition);
  pthread_mutex_unlock(&waits->mutex);
  pthread_barrier_wait(&waits->barrier);
  return argument;
}

static bool waits_in_all_ways(void* unused) {
  struct Waits waits = {.mutex = PTHREAD_MUTEX_INITIALIZER, .condition = PTHREAD_COND_INITIALIZER, .turn = 0};
  char byte = 'x';
  (void)unused;
  if (pipe(waits.pipe) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, waits.pair) != 0) return false;
  sem_init(&waits.semaphore, 0, 0);
  pthread_barrier_init(&waits.barrier, NULL, 2);
  pthread_t thread = start(answer, &waits);
  usleep(1000);
  struct pollfd readable = {waits.pair[0], POLLIN, 0};
  if (write(waits.pipe[1], &byte, 1) != 1 || poll(&readable, 1, -1) != 1) return false;
  if (recv(waits.pair[0], &byte, 1, 0) != 1 || byte != 'x') return false;
  sem_post(&waits.semaphore);
  pthread_mutex_lock(&waits.mutex);
  while (!waits.turn) pthread_cond_wait(&waits.condition, &waits.mutex);
  pthread_mutex_unlock(&waits.mutex);
  pthread_barrier_wait(&waits.barrier);
  return join(thread) == &waits;
}

// Without a thread: only the kernel ends these.
static bool waits_alone(void* unused) {
  int ends[2];
  char byte;
  struct timeval soon = {0, 1000};
  (void)unused;
  if (pipe(ends) != 0) return false;
  const pid_t child = fork_limited();
  if (child == 0) {
    usleep(2000);
    _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
  }
  struct pollfd readable = {ends[0], POLLIN, 0};
  if (select(0, NULL, NULL, NULL, &soon) != 0 || poll(&readable, 1, -1) != 1) return false;
  return read(ends[0], &byte, 1) == 1 && exits_with(child, 0);
}

static bool is_true(void* unused) {
  (void)unused;
  return true;
}

static bool forks_again(void* unused) { return in_child(is_true, unused) && in_child(makes_threads, unused); }

static bool forks_in_thread(void* unused) {
  return in_child_of_thread(is_true, unused) && in_child_of_thread(makes_threads, unused) &&
         in_child(waits_in_all_ways, unused);
}

static bool descends(void* depth) {
  const int left = *(int*)depth;
  if (left == 0) return makes_threads(NULL);
  int next = left - 1;
  return in_child_of_thread(descends, &next);
}

static void check_all_children(void) {
  int depth = 5;
  HOLDS(fork, "the child makes threads", in_child(makes_threads, NULL));
  HOLDS(fork, "the child waits for its threads in all ways", in_child(waits_in_all_ways, NULL));
  HOLDS(fork, "the child waits without threads", in_child(waits_alone, NULL));
  HOLDS(fork, "the child forks again", in_child(forks_again, NULL));
  HOLDS(fork, "the child's threads fork", in_child(forks_in_thread, NULL));
  HOLDS(fork, "children of threads of children fork", in_child(descends, &depth));
}

static void* check_in_thread(void* unused) {
  check_all_children();
  return unused;
}

CASE(by_the_main_thread) { check_all_children(); }
CASE(by_a_thread) { join(start(check_in_thread, NULL)); }

CASE(by_a_second_thread) {
  pthread_t other = start(give_back, NULL);
  join(start(check_in_thread, NULL));
  join(other);
}

static int done;

static void* check_detached(void* unused) {
  check_all_children();
  set_flag(&done);
  return unused;
}

CASE(by_a_detached_thread) {
  pthread_t thread = start(check_detached, NULL);
  CHECK_EQ(pthread_detach(thread), 0);
  while (!is_set(&done)) usleep(1000);
  done = 0;
}

// A thread that has computed for long, and one that is in the kernel for long, are threads like others.
static void* compute_and_check(void* unused) {
  const long long end = now_ns(CLOCK_MONOTONIC) + 100000000;
  while (now_ns(CLOCK_MONOTONIC) < end) continue;
  check_all_children();
  return unused;
}

static void* tick(void* unused) {
  while (!is_set(&done)) usleep(100);
  return unused;
}

CASE(by_a_thread_that_computes) {
  pthread_t ticker = start(tick, NULL);
  join(start(compute_and_check, NULL));
  set_flag(&done);
  join(ticker);
  done = 0;
}

// Several at once, while others use what fork must find in order.
static void* keep_busy(void* unused) {
  while (!is_set(&done)) {
    free(malloc(10000));
    char text[50];
    snprintf(text, sizeof text, "%p", text);
    FILE* file = fopen("/dev/null", "w");
    if (file) fprintf(file, "%s", text), fclose(file);
    sched_yield();
  }
  return unused;
}

static bool uses_libc(void* unused) {
  char* line = NULL;
  size_t size = 0;
  (void)unused;
  FILE* file = fopen("/proc/self/status", "r");
  const bool read_it = file && getline(&line, &size, file) > 0 && fclose(file) == 0;
  free(line);
  return read_it && fflush(NULL) == 0 && makes_threads(NULL);
}

static void* fork_many(void* unused) {
  for (int i = 0; i < 10; i++)
    if (!in_child(uses_libc, NULL)) return NULL;
  return unused;
}

CASE(by_several_threads) {
  pthread_t busy[4], forkers[4];
  bool all = true;
  for (int i = 0; i < 4; i++) busy[i] = start(keep_busy, NULL);
  for (int i = 0; i < 4; i++) forkers[i] = start(fork_many, &done);
  for (int i = 0; i < 4; i++) all = join(forkers[i]) == &done && all;
  HOLDS(fork, "the child of a thread uses malloc and streams that others use", all);
  set_flag(&done);
  join_all(busy, 4);
}
