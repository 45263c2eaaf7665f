// fork: what of the calling thread the child has, and what it has not. POSIX.1-2017, fork; fork(2).
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "tests/posix/child.h"

static pthread_t forker;
static pid_t forker_id, parent;
static __thread int of_thread = 1;
static pthread_key_t key;
static int value, ran;

static bool has_same_self(void* unused) {
  (void)unused;
  return pthread_equal(pthread_self(), forker) != 0;
}

static bool has_id_of_process(void* unused) {
  (void)unused;
  return gettid() == getpid() && getpid() != parent && getppid() == parent;
}

static bool has_thread_locals(void* unused) {
  (void)unused;
  return of_thread == 7;
}

static bool has_key_value(void* unused) {
  (void)unused;
  return pthread_getspecific(key) == &value;
}

static bool has_errno(void* unused) {
  (void)unused;
  return errno == EXDEV;
}

static bool joins_itself(void* unused) {
  (void)unused;
  return pthread_join(pthread_self(), NULL) == EDEADLK;
}

static bool has_name(void* name) {
  char text[16] = "", line[20] = "";
  FILE* file = fopen("/proc/self/comm", "r");
  return pthread_getname_np(pthread_self(), text, sizeof text) == 0 && strcmp(text, name) == 0 && file &&
         fgets(line, sizeof line, file) && strncmp(line, name, strlen(name)) == 0;
}

static void look_at_thread(void) {
  forker = pthread_self();
  forker_id = gettid();
  of_thread = 7;
  pthread_setspecific(key, &value);
  HOLDS(fork, "the child's thread is the calling one", in_child(has_same_self, NULL));
  HOLDS(fork, "the child has an id of its own, which is its thread's", in_child(has_id_of_process, NULL));
  HOLDS(fork, "the calling thread keeps its id in the parent", gettid() == forker_id && getpid() == parent);
  HOLDS(fork, "the child has the caller's thread-local variables", in_child(has_thread_locals, NULL));
  HOLDS(fork, "the child has the caller's values of keys", in_child(has_key_value, NULL));
  errno = EXDEV;
  HOLDS(fork, "success keeps errno in the child", in_child(has_errno, NULL));
  HOLDS(pthread_join, "EDEADLK in a child that joins its only thread", in_child(joins_itself, NULL));
  static char name[] = "that forks";
  CHECK_EQ(pthread_setname_np(pthread_self(), name), 0);
  HOLDS(fork, "the child has the name of the calling thread", in_child(has_name, name));
}

static void* look_at_other_thread(void* unused) {
  look_at_thread();
  return unused;
}

CASE(thread) {
  parent = getpid();
  CHECK_EQ(pthread_key_create(&key, NULL), 0);
  look_at_thread();
  join(start(look_at_other_thread, NULL));
  CHECK_EQ(pthread_key_delete(key), 0);
}

static int stop;

static void* count(void* unused) {
  while (!is_set(&stop)) {
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
    usleep(100);
  }
  return unused;
}

static bool is_alone(void* unused) {
  (void)unused;
  const int before = __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
  usleep(20000);
  sched_yield();
  return __atomic_load_n(&ran, __ATOMIC_SEQ_CST) == before;
}

static void* sleep_a_little(void* unused) {
  usleep(1000);
  return unused;
}

static bool is_alone_beside_own_threads(void* unused) {
  const int before = __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
  for (int i = 0; i < 10; i++) join(start(sleep_a_little, NULL));
  (void)unused;
  return __atomic_load_n(&ran, __ATOMIC_SEQ_CST) == before;
}

CASE(others) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) threads[i] = start(count, NULL);
  HOLDS(fork, "no other thread runs in the child", in_child(is_alone, NULL));
  HOLDS(fork, "no other thread runs in the child when that makes threads", in_child(is_alone_beside_own_threads, NULL));
  HOLDS(fork, "no other thread runs in the child of a thread", in_child_of_thread(is_alone, NULL));
  HOLDS(fork, "nor when that child makes threads", in_child_of_thread(is_alone_beside_own_threads, NULL));
  const int before = __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&ran, __ATOMIC_SEQ_CST) == before) usleep(1000);
  HOLDS(fork, "the parent's other threads go on", true);
  set_flag(&stop);
  join_all(threads, 3);
}

static int changed;

static bool changes_memory(void* shared) {
  changed = 1;
  *(int*)shared = 1;
  return true;
}

static bool locks_file(void* fd) { return lockf(*(int*)fd, F_TEST, 0) == -1 && (errno == EACCES || errno == EAGAIN); }

static bool reads_on(void* fd) {
  char byte = 0;
  return read(*(int*)fd, &byte, 1) == 1 && byte == 'a';
}

static bool closes(void* fd) { return close(*(int*)fd) == 0; }

static bool has_no_times(void* unused) {
  struct tms times_of_child;
  (void)unused;
  return times(&times_of_child) != (clock_t)-1 && times_of_child.tms_cutime == 0 && times_of_child.tms_cstime == 0;
}

static bool is_not_locked(void* page) {
  // munlock of what is not locked succeeds; so ask the kernel how much is.
  char line[200];
  long locked = -1;
  FILE* status = fopen("/proc/self/status", "r");
  (void)page;
  while (status && fgets(line, sizeof line, status)) sscanf(line, "VmLck: %ld", &locked);
  return locked == 0;
}

CASE(process) {
  int ends[2], fd;
  char byte = 0;
  char path[] = "/tmp/evergreen-posix-fork-XXXXXX";
  int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  const bool asked = in_child_of_thread(changes_memory, shared);
  HOLDS(fork, "private memory is the child's own, shared memory is shared", asked && changed == 0 && *shared == 1);
  CHECK((fd = mkstemp(path)) >= 0 && write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0);
  const bool got = in_child_of_thread(reads_on, &fd);
  HOLDS(fork, "descriptors refer to the same open file description", got && read(fd, &byte, 1) == 1 && byte == 'b');
  HOLDS(fork, "what the child closes stays open here", in_child(closes, &fd) && fcntl(fd, F_GETFD) >= 0);
  CHECK_EQ(lockf(fd, F_LOCK, 0), 0);
  HOLDS(fork, "record locks are not inherited", in_child_of_thread(locks_file, &fd));
  CHECK_EQ(close(fd), 0);
  CHECK_EQ(unlink(path), 0);
  CHECK(pipe(ends) == 0 && write(ends[1], "a", 1) == 1);
  HOLDS(fork, "the child reads from a pipe of the parent's", in_child_of_thread(reads_on, ends));
  close(ends[0]), close(ends[1]);
  HOLDS(fork, "the child's times of children are zero", in_child_of_thread(has_no_times, NULL));
  if (mlock(shared, 4096) == 0) CHECK(in_child(is_not_locked, shared));
  CHECK_EQ(munmap(shared, 4096), 0);
}

static bool refuses_to_fork(void* unused) {
  const struct rlimit none = {0, 0};
  (void)unused;
  if (geteuid() == 0 && setuid(65534) != 0) return false;
  if (setrlimit(RLIMIT_NPROC, &none) != 0) return false;
  errno = 0;
  return fork() == -1 && errno == EAGAIN;
}

CASE(errors) { HOLDS(fork, "EAGAIN where RLIMIT_NPROC is reached", in_child(refuses_to_fork, NULL)); }
