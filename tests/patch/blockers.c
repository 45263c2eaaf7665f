// Threads that stop their kernel thread, or wait for another process: the others go on all the same, and so the wait
// ends.
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kWriters = 2, kLines = 5000, kLineMax = 64, kSpinners = 8, kThreads = 2, kRounds = 300 };

struct Printer {
  FILE* file;
  char letter;
};

// Far more than a pipe holds, so that libc blocks in a write() of its own.
static void* print_lines(void* argument) {
  const struct Printer* printer = argument;
  entering();
  for (int i = 0; i < kLines; i++) CHECK(fprintf(printer->file, "%c %d is a line\n", printer->letter, i) > 0);
  CHECK_EQ(fflush(printer->file), 0);
  return NULL;
}

// Each thread's lines arrive whole and in order.
static void* drain_lines(void* argument) {
  FILE* file = argument;
  char line[kLineMax], expected[kLineMax];
  int next[kWriters] = {0};
  for (int i = 0; i < kWriters * kLines; i++) {
    CHECK(fgets(line, sizeof line, file) == line);
    const int writer = line[0] - 'a';
    CHECK(writer >= 0 && writer < kWriters);
    snprintf(expected, sizeof expected, "%c %d is a line\n", line[0], next[writer]++);
    CHECK_TEXT(line, expected);
  }
  return NULL;
}

static void print_then_drain(int ends[2], FILE* const files[kWriters]) {
  FILE* input = fdopen(ends[kReadEnd], "r");
  struct Printer printers[kWriters];
  pthread_t threads[kWriters];
  for (int i = 0; i < kWriters; i++) {
    printers[i] = (struct Printer){files[i], (char)('a' + i)};
    threads[i] = start(print_lines, &printers[i]);
  }
  await_entered(kWriters);
  usleep(30000);
  join(start(drain_lines, input));
  join_all(threads, kWriters);
  CHECK_EQ(fclose(input), 0);
}

// The second waits for the lock that the first holds inside libc.
CASE(two_threads_print_through_one_stream_to_a_full_pipe) {
  int ends[2];
  open_pipe(ends);
  FILE* output = fdopen(ends[kWriteEnd], "w");
  print_then_drain(ends, (FILE* const[kWriters]){output, output});
  CHECK_EQ(fclose(output), 0);
}

CASE(two_threads_print_through_streams_of_their_own_to_a_full_pipe) {
  int ends[2];
  open_pipe(ends);
  FILE* outputs[kWriters];
  for (int i = 0; i < kWriters; i++) {
    outputs[i] = fdopen(i == 0 ? ends[kWriteEnd] : dup(ends[kWriteEnd]), "w");
    setvbuf(outputs[i], NULL, _IOLBF, BUFSIZ);  // or a line could be cut by the other's
  }
  print_then_drain(ends, outputs);
  for (int i = 0; i < kWriters; i++) CHECK_EQ(fclose(outputs[i]), 0);
}

static atomic_int spinning, go_on;

static void* spin(void* argument) {
  atomic_fetch_add(&spinning, 1);
  while (atomic_load(&go_on) == 0) continue;
  return argument;
}

static void* end_spinning(void* argument) {
  while (atomic_load(&spinning) < kSpinners) continue;
  atomic_store(&go_on, 1);
  return argument;
}

CASE(eight_threads_spin_until_a_ninth_sets_a_flag) {
  pthread_t threads[kSpinners + 1];
  atomic_store(&spinning, 0), atomic_store(&go_on, 0);
  for (int i = 0; i < kSpinners; i++) threads[i] = start(spin, NULL);
  threads[kSpinners] = start(end_spinning, NULL);
  join_all(threads, kSpinners + 1);
  CHECK_EQ(atomic_load(&spinning), kSpinners);
}

// In memory that two processes share.
struct Shared {
  pthread_mutex_t mutex;
  atomic_int is_held, let_go;
  long count;  // guarded by mutex; not atomic, so that two at once lose some
};

static struct Shared* share(void) {
  struct Shared* shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  pthread_mutexattr_t attributes;
  CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
  CHECK_EQ(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ(pthread_mutex_init(&shared->mutex, &attributes), 0);
  CHECK_EQ(pthread_mutexattr_destroy(&attributes), 0);
  return shared;
}

static void await_child(pid_t child) {
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

static void end_sharing(struct Shared* shared) {
  CHECK_EQ(pthread_mutex_destroy(&shared->mutex), 0);
  CHECK_EQ(munmap(shared, sizeof *shared), 0);
}

static void* count_under_lock(void* argument) {
  struct Shared* shared = argument;
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
    const long seen = shared->count;
    if (i % 10 == 0) usleep(100);  // the other process and this one's other thread come for the lock meanwhile
    shared->count = seen + 1;
    CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  }
  return NULL;
}

static void count_in_threads(struct Shared* shared) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(count_under_lock, shared);
  join_all(threads, kThreads);
}

CASE(two_threads_of_each_of_two_processes_take_turns_with_a_mutex) {
  struct Shared* shared = share();
  const pid_t child = fork();
  CHECK(child >= 0);
  count_in_threads(shared);
  if (child == 0) _exit(0);
  await_child(child);
  CHECK_EQ(shared->count, 2 * kThreads * kRounds);
  end_sharing(shared);
}

static void* lock_once(void* argument) {
  struct Shared* shared = argument;
  entering();
  CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
  CHECK_EQ(atomic_load(&shared->let_go), 1);
  CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
  return NULL;
}

static void hold_until_let_go(struct Shared* shared) {
  CHECK_EQ(pthread_mutex_lock(&shared->mutex), 0);
  atomic_store(&shared->is_held, 1);
  while (atomic_load(&shared->let_go) == 0) usleep(1000);
  CHECK_EQ(pthread_mutex_unlock(&shared->mutex), 0);
}

// Two threads wait for what the other process holds, and a third ends their wait.
CASE(threads_that_wait_for_another_process_do_not_stop_the_others) {
  struct Shared* shared = share();
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) hold_until_let_go(shared), _exit(0);
  while (atomic_load(&shared->is_held) == 0) usleep(1000);
  pthread_t threads[] = {start(lock_once, shared), start(lock_once, shared)};
  await_entered(2);
  usleep(20000);
  atomic_store(&shared->let_go, 1);
  join_all(threads, 2);
  await_child(child);
  end_sharing(shared);
}
