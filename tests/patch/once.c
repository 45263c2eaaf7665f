// pthread_once.
#include "tests/support/case.h"

enum { kThreads = 20 };

struct Once {
  pthread_once_t control;
  pthread_t first;
};

static int is_inside, may_end, runs;

static void initialise_slowly(void) {
  set_flag(&is_inside);
  await_flag(&may_end);
  runs++;
}

static void* initialise_in_thread(void* control) {
  CHECK_EQ(pthread_once(control, initialise_slowly), 0);
  return NULL;
}

static void start_first(struct Once* once) {
  *once = (struct Once){.control = PTHREAD_ONCE_INIT};
  is_inside = may_end = runs = 0;
  once->first = start(initialise_in_thread, &once->control);
}

// Another thread is inside the routine, and this one waits for it.
static void wait_for_the_first(void* argument) {
  struct Once* once = argument;
  await_flag(&is_inside);
  CHECK_EQ(pthread_once(&once->control, initialise_slowly), 0);
  CHECK_EQ(runs, 1);
  join(once->first);
  start_first(once);
}

static void let_the_first_end(void* unused) {
  (void)unused;
  set_flag(&may_end);
}

CASE(pthread_once) {
  struct Once once;
  start_first(&once);
  meet(wait_for_the_first, let_the_first_end, &once);
  set_flag(&may_end);
  join(once.first);
}

static pthread_once_t shared_control = PTHREAD_ONCE_INIT;
static int shared_runs, shared_is_done;

static void initialise_shared(void) {
  shared_runs++;
  usleep(5000);  // the others come and wait
  shared_is_done = 1;
}

static void* use_shared(void* unused) {
  (void)unused;
  entering();
  CHECK_EQ(pthread_once(&shared_control, initialise_shared), 0);
  CHECK_EQ(shared_is_done, 1);
  return NULL;
}

CASE(all_wait_until_the_first_has_done_it) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = start(use_shared, NULL);
  join_all(threads, kThreads);
  CHECK_EQ(shared_runs, 1);
}

static pthread_once_t outer_control = PTHREAD_ONCE_INIT, inner_control = PTHREAD_ONCE_INIT;
static int inner_runs;

static void initialise_inner(void) { inner_runs++; }
static void initialise_outer(void) { CHECK_EQ(pthread_once(&inner_control, initialise_inner), 0); }

CASE(one_within_another) {
  CHECK_EQ(pthread_once(&outer_control, initialise_outer), 0);
  CHECK_EQ(pthread_once(&inner_control, initialise_inner), 0);
  CHECK_EQ(inner_runs, 1);
}

static pthread_once_t left_control = PTHREAD_ONCE_INIT;
static int left_runs;

static void leave_the_first_time(void) {
  if (left_runs++ == 0) pthread_exit((void*)5);
}

static void* run_into_exit(void* unused) {
  (void)unused;
  pthread_once(&left_control, leave_the_first_time);
  return NULL;
}

CASE(a_routine_that_ends_its_thread_is_run_again) {
  CHECK(join(start(run_into_exit, NULL)) == (void*)5);
  CHECK_EQ(pthread_once(&left_control, leave_the_first_time), 0);
  CHECK_EQ(left_runs, 2);
  CHECK_EQ(pthread_once(&left_control, leave_the_first_time), 0);
  CHECK_EQ(left_runs, 2);
}
