// pthread_atfork: POSIX.1-2017, pthread_atfork(3). Who registers can't take it back: so each case runs in a child.
#include "tests/posix/child.h"

static char said[100];
static int said_count;
static pthread_t forker;
static int in_forker;

static void say(char letter) {
  if (said_count < (int)sizeof said - 1) said[said_count++] = letter;
  in_forker += pthread_equal(pthread_self(), forker) != 0;
}

static void prepare_1(void) { say('a'); }
static void prepare_2(void) { say('b'); }
static void prepare_3(void) { say('c'); }
static void parent_1(void) { say('1'); }
static void parent_2(void) { say('2'); }
static void parent_3(void) { say('3'); }
static void child_1(void) { say('x'); }
static void child_2(void) { say('y'); }
static void child_3(void) { say('z'); }

static bool has_said_in_child(void* unused) {
  (void)unused;
  return strcmp(said, "cbaxyz") == 0 && in_forker == 6;
}

static void* fork_and_look(void* unused) {
  memset(said, 0, sizeof said);
  said_count = in_forker = 0;
  forker = pthread_self();
  HOLDS(pthread_atfork, "child handlers run in the order of registration, after the prepare handlers in the reverse",
        in_child(has_said_in_child, NULL));
  HOLDS(pthread_atfork, "parent handlers run in the order of registration", strcmp(said, "cba123") == 0);
  HOLDS(pthread_atfork, "handlers run in the thread that forks", in_forker == 6);
  return unused;
}

static void* register_second(void* unused) {
  CHECK_EQ(pthread_atfork(prepare_2, parent_2, child_2), 0);
  return unused;
}

// Before the first thread, by a thread, and after.
CASE(order) {
  HOLDS(pthread_atfork, "returns 0", pthread_atfork(prepare_1, parent_1, child_1) == 0);
  join(start(register_second, NULL));
  HOLDS(pthread_atfork, "returns 0 when there have been threads", pthread_atfork(prepare_3, parent_3, child_3) == 0);
  HOLDS(pthread_atfork, "takes null pointers", pthread_atfork(NULL, NULL, NULL) == 0);
  fork_and_look(NULL);
  join(start(fork_and_look, NULL));
}

// What the handlers are for: the child finds a lock of other threads in a state that it can use.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stop, consistent_1, consistent_2, guards;

static void take(void) {
  if (guards) CHECK_EQ(pthread_mutex_lock(&lock), 0);
}
static void give_back(void) {
  if (guards) CHECK_EQ(pthread_mutex_unlock(&lock), 0);
}

static void* change(void* unused) {
  while (!is_set(&stop)) {
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    consistent_1++;
    usleep(50);
    consistent_2++;
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
    usleep(10);
  }
  return unused;
}

static bool is_consistent(void* unused) {
  (void)unused;
  if (pthread_mutex_lock(&lock) != 0 || consistent_1 != consistent_2) return false;
  pthread_mutex_unlock(&lock);
  pthread_t thread = start(change, NULL);
  usleep(1000);
  set_flag(&stop);
  join(thread);
  return consistent_1 == consistent_2;
}

static void* fork_often(void* unused) {
  for (int i = 0; i < 20; i++)
    if (!in_child(is_consistent, NULL)) return NULL;
  return unused;
}

CASE(locks) {
  pthread_t changers[3], forkers[3];
  bool all = true;
  guards = 1;
  CHECK_EQ(pthread_atfork(take, give_back, give_back), 0);
  for (int i = 0; i < 3; i++) changers[i] = start(change, NULL);
  for (int i = 0; i < 3; i++) forkers[i] = start(fork_often, &stop);
  for (int i = 0; i < 3; i++) all = join(forkers[i]) == &stop && all;
  HOLDS(pthread_atfork, "handlers may wait for locks of other threads, which the child finds free", all);
  set_flag(&stop);
  join_all(changers, 3);
  guards = 0;
}

static pid_t grandchild;
static int forks_in_handler;

static bool is_true(void* unused) {
  (void)unused;
  return true;
}

static void fork_once_more(void) {
  if (!forks_in_handler) return;
  forks_in_handler = 0;
  grandchild = fork_limited();
  if (grandchild == 0) _exit(7);
}

static void fork_in_child(void) {
  if (!forks_in_handler) return;
  forks_in_handler = 0;
  const pid_t child = fork_limited();
  if (child == 0) _exit(7);
  if (!exits_with(child, 7)) _exit(8);
}

static void* give_back_argument(void* argument) { return argument; }

static int threads_in_handler;
static void make_thread(void) {
  if (threads_in_handler && join(start(give_back_argument, &lock)) != &lock) _exit(9);
}

static void* check_forks_in_handlers(void* unused) {
  forks_in_handler = 1;
  HOLDS(pthread_atfork, "a parent handler may fork", in_child(is_true, NULL) && exits_with(grandchild, 7));
  return unused;
}

static void* check_forks_in_child_handlers(void* unused) {
  forks_in_handler = 1;
  HOLDS(pthread_atfork, "a child handler may fork", in_child(is_true, NULL));
  return unused;
}

CASE(fork_in_handlers) {
  CHECK_EQ(pthread_atfork(NULL, fork_once_more, NULL), 0);
  check_forks_in_handlers(NULL);
  join(start(check_forks_in_handlers, NULL));
}

CASE(fork_in_child_handlers) {
  CHECK_EQ(pthread_atfork(NULL, NULL, fork_in_child), 0);
  join(start(check_forks_in_child_handlers, NULL));
}

CASE(threads_in_handlers) {
  CHECK_EQ(pthread_atfork(NULL, make_thread, make_thread), 0);
  threads_in_handler = 1;
  HOLDS(pthread_atfork, "parent and child handlers may make threads", in_child_of_thread(is_true, NULL));
  threads_in_handler = 0;
}
