// Cancellation of the main thread, in child processes: it ends as by pthread_exit, and the others go on.
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

static pthread_t main_of_child;
static int cleaned, destroyed;

static void clean_up(void* argument) {
  (void)argument;
  cleaned = 1;
}

static void destroy(void* argument) {
  (void)argument;
  destroyed = 1;
}

// The process ends with 0 when this, the last thread, does; _exit before that tells what did not hold.
static void* outlive_main(void* argument) {
  void* result = NULL;
  usleep(1000);
  if (pthread_cancel(main_of_child) != 0) _exit(1);
  if (pthread_join(main_of_child, &result) != 0) _exit(2);
  if (result != PTHREAD_CANCELED) _exit(3);
  if (!cleaned) _exit(4);
  if (!destroyed) _exit(5);
  usleep(1000);
  return argument;
}

static void note_end(void) { _exit(destroyed ? 6 : 7); }

static int status_of(void (*run)(void)) {
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) run();
  CHECK_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void begin(void) {
  pthread_key_t key;
  main_of_child = pthread_self();
  pthread_key_create(&key, destroy);
  pthread_setspecific(key, &key);
  atexit(note_end);
  pthread_detach(start(outlive_main, NULL));
}

static void wait_for_cancel(void) {
  begin();
  pthread_cleanup_push(clean_up, NULL);
  for (;;) pause();
  pthread_cleanup_pop(0);
}

static void cancel_itself(void) {
  begin();
  pthread_cleanup_push(clean_up, NULL);
  pthread_cancel(pthread_self());
  pthread_testcancel();
  pthread_cleanup_pop(0);
}

static void* nothing(void* argument) { return argument; }

CASE(main_thread) {
  join(start(nothing, NULL));  // this process has had threads, too
  HOLDS(pthread_cancel, "of the main thread ends it alone; the process ends, by exit, with the last thread",
        status_of(wait_for_cancel) == 6);
  HOLDS(pthread_cancel, "the main thread may cancel itself", status_of(cancel_itself) == 6);
}
