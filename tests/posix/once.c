// pthread_once, POSIX.1-2017.
#include "tests/posix/another.h"
#include "tests/posix/holds.h"

enum { kThreads = 5 };

static pthread_once_t control = PTHREAD_ONCE_INIT;
static int runs, is_inside, may_end, returned;

static void count(void) { runs++; }

static void end_thread(void) {
  runs++;
  pthread_exit(NULL);
}

static void count_slowly(void) {
  set_flag(&is_inside);
  await_flag(&may_end);
  runs++;
}

static int call_it(void* routine) {
  void (*run)(void);
  *(void**)&run = routine;
  return pthread_once(&control, run);
}

static void* call_slowly(void* unused) {
  CHECK_EQ(pthread_once(&control, count_slowly), 0);
  CHECK_EQ(runs, 1);
  __atomic_add_fetch(&returned, 1, __ATOMIC_SEQ_CST);
  return unused;
}

static void* end_inside(void* unused) {
  pthread_once(&control, end_thread);
  return unused;
}

static pthread_once_t inner = PTHREAD_ONCE_INIT;
static void count_inner(void) { runs += 10; }
static void call_inner(void) { CHECK_EQ(pthread_once(&inner, count_inner), 0); }

CASE(once) {
  HOLDS(pthread_once, "the first call runs the routine, with no arguments", call_it((void*)count) == 0 && runs == 1);
  HOLDS(pthread_once, "a later one does not", call_it((void*)count) == 0 && runs == 1);
  HOLDS(pthread_once, "nor one by another thread", by_another(call_it, (void*)count) == 0 && runs == 1);
  HOLDS(pthread_once, "nor one with another routine", call_it((void*)call_inner) == 0 && runs == 1);
  static pthread_once_t other = PTHREAD_ONCE_INIT;
  HOLDS(pthread_once, "each control has its own first call", pthread_once(&other, count) == 0 && runs == 2);
}

CASE(while_it_runs) {
  pthread_t threads[kThreads];
  control = PTHREAD_ONCE_INIT;
  runs = 0;
  for (int i = 0; i < kThreads; i++) threads[i] = start(call_slowly, NULL);
  await_flag(&is_inside);
  usleep(2000);
  HOLDS(pthread_once, "does not return while another thread runs the routine",
        __atomic_load_n(&returned, __ATOMIC_SEQ_CST) == 0);
  set_flag(&may_end);
  join_all(threads, kThreads);
  HOLDS(pthread_once, "on return the routine has completed, once for all", returned == kThreads && runs == 1);
}

CASE(nested) {
  control = PTHREAD_ONCE_INIT;
  runs = 0;
  HOLDS(pthread_once, "the routine may call it for another control", call_it((void*)call_inner) == 0 && runs == 10);
}

CASE(ended_inside) {
  control = PTHREAD_ONCE_INIT;
  runs = 0;
  join(start(end_inside, NULL));
  HOLDS(pthread_once, "a routine that ends its thread has not been called", runs == 1);
  HOLDS(pthread_once, "so the next call runs it", call_it((void*)count) == 0 && runs == 2);
}
