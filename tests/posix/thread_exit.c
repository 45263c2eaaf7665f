// The end of threads and of the process: pthread_exit, exit, _exit, quick_exit, return from main; POSIX.1-2017.
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

static int out;  // of the child: what happens there, a letter each

static void say(const char* letters) { CHECK_EQ(write(out, letters, strlen(letters)), (ssize_t)strlen(letters)); }

static void say_a(void) { say("a"); }
static void say_b(void) { say("b"); }

static char said[64];
static int status;

// Runs that in a child process; what it said, and how it ended.
static bool child_says(void (*run)(void), const char* expected, int expected_status) {
  int ends[2];
  size_t length = 0;
  ssize_t got;
  CHECK_EQ(pipe(ends), 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    out = ends[1];
    run();
    _exit(99);
  }
  close(ends[1]);
  while ((got = read(ends[0], said + length, sizeof said - 1 - length)) > 0) length += (size_t)got;
  said[length] = 0;
  close(ends[0]);
  CHECK_EQ(waitpid(child, &status, 0), child);
  bool holds = strcmp(said, expected) == 0 && WIFEXITED(status) && WEXITSTATUS(status) == expected_status;
  if (!holds) printf("the child said '%s' and ended with %#x\n", said, status);
  return holds;
}

static void* exit_7(void* unused) {
  (void)unused;
  exit(7);
}

static void* wait_for_ever(void* unused) {
  for (;;) pause();
  return unused;
}

static void wait_for_end(void) {
  for (;;) pause();
}

static void exit_of_thread(void) {
  atexit(say_a);
  atexit(say_b);
  start(wait_for_ever, NULL);
  start(exit_7, NULL);
  wait_for_end();
}

static void exit_of_main(void) {
  atexit(say_a);
  start(wait_for_ever, NULL);
  exit(3);
}

static void* exit_later(void* unused) {
  usleep(1000);
  return exit_7(unused);
}

static void* say_t(void* argument) {
  say("t");
  return argument;
}

static void make_thread(void) {
  join(start(say_t, NULL));
  say("a");
}

static void threads_in_handlers(void) {
  atexit(make_thread);
  join(start(exit_7, NULL));
}

static void* call_exit_1(void* unused) {
  (void)unused;
  _exit(5);
}

static void _exit_of_thread(void) {
  atexit(say_a);
  start(call_exit_1, NULL);
  wait_for_end();
}

static void* call_quick_exit(void* unused) {
  (void)unused;
  quick_exit(6);
}

static void quick_exit_of_thread(void) {
  atexit(say_a);
  at_quick_exit(say_b);
  start(call_quick_exit, NULL);
  wait_for_end();
}

static void say_key(void* value) { say(value); }

static pthread_key_t key;

static void* exit_with_key(void* unused) {
  pthread_setspecific(key, "k");
  return exit_7(unused);
}

static void keys_at_exit(void) {
  pthread_key_create(&key, say_key);
  atexit(say_a);
  start(exit_with_key, NULL);
  wait_for_end();
}

CASE(exit) {
  HOLDS(exit, "by any thread ends the process, handlers in reverse order", child_says(exit_of_thread, "ba", 7));
  HOLDS(exit, "by the main thread ends the process while others run", child_says(exit_of_main, "a", 3));
  HOLDS(exit, "a handler may make a thread and join it", child_says(threads_in_handlers, "ta", 7));
  HOLDS(exit, "runs no destructors of keys", child_says(keys_at_exit, "a", 7));
  HOLDS(_exit, "by any thread ends the process, without handlers", child_says(_exit_of_thread, "", 5));
  HOLDS(quick_exit, "by any thread runs the handlers of at_quick_exit only", child_says(quick_exit_of_thread, "b", 6));
}

static void* say_later(void* letter) {
  usleep(5000);
  say(letter);
  return NULL;
}

static void say_cleanup(void* letter) { say(letter); }

static void main_exits(void) {
  atexit(say_a);
  start(say_later, "t");
  pthread_cleanup_push(say_cleanup, "c");
  pthread_exit(NULL);
  pthread_cleanup_pop(0);
}

static void main_exits_with_key(void) {
  pthread_key_create(&key, say_key);
  pthread_setspecific(key, "k");
  start(say_later, "t");
  pthread_exit(NULL);
}

static void main_exits_alone(void) {
  atexit(say_a);
  pthread_exit(NULL);
}

static void* join_main(void* main_thread) {
  void* result = NULL;
  CHECK_EQ(pthread_join(*(pthread_t*)main_thread, &result), 0);
  say(result);
  return NULL;
}

static void main_is_joined(void) {
  static pthread_t self;
  self = pthread_self();
  start(join_main, &self);
  pthread_exit("m");
}

static void* exit_last(void* unused) {
  usleep(5000);
  say("l");
  pthread_exit(unused);
}

static void last_thread_exits(void) {
  atexit(say_a);
  pthread_detach(start(exit_last, NULL));
  pthread_exit(NULL);
}

static void main_exits_before_exit(void) {
  atexit(say_a);
  start(exit_later, NULL);
  pthread_exit(NULL);
}

CASE(main_thread) {
  HOLDS(pthread_exit, "by the main thread the others go on, and handlers run when the last ends",
        child_says(main_exits, "cta", 0));
  HOLDS(pthread_exit, "by the main thread its keys are destroyed at once", child_says(main_exits_with_key, "kt", 0));
  HOLDS(pthread_exit, "by the only thread ends the process with status 0", child_says(main_exits_alone, "a", 0));
  HOLDS(pthread_join, "the main thread can be joined", child_says(main_is_joined, "m", 0));
  HOLDS(pthread_exit, "by the last thread ends the process with status 0", child_says(last_thread_exits, "la", 0));
  HOLDS(exit, "after the main thread's end gives its status", child_says(main_exits_before_exit, "a", 7));
}

static void push_three(void) {
  pthread_cleanup_push(say_cleanup, "1");
  pthread_cleanup_push(say_cleanup, "2");
  pthread_cleanup_push(say_cleanup, "3");
  pthread_cleanup_pop(1);
  pthread_exit("r");
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
}

static void* push_and_exit(void* unused) {
  (void)unused;
  pthread_setspecific(key, "k");
  push_three();
  return NULL;
}

static void cleanup_order(void) {
  pthread_key_create(&key, say_key);
  say(join(start(push_and_exit, NULL)));
  _exit(0);
}

static void* return_with_handler(void* unused) {
  (void)unused;
  pthread_cleanup_push(say_cleanup, "1");
  pthread_cleanup_pop(0);
  return "r";
}

static void no_cleanup(void) {
  say(join(start(return_with_handler, NULL)));
  _exit(0);
}

CASE(cleanup) {
  HOLDS(pthread_exit, "runs cleanup handlers, the last first, then destructors of keys",
        child_says(cleanup_order, "321kr", 0));
  HOLDS(pthread_cleanup_pop, "with 0 takes the handler away", child_says(no_cleanup, "r", 0));
}
