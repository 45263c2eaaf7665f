#include "tests/support/points.h"

enum Cancel { kWhileItWaits, kBeforeTheCall, kDisabled };

struct Attempt {
  const struct Point* point;
  enum Cancel cancel;
  char log[8];
  int inside;
};

static char completed;

static void state(const struct Point* point, const char* text, bool holds) {
  check(holds, text, point->interface, 0);
  printf("%s: %s\n", point->interface, text);
}

static void do_if(void (*step)(void)) {
  if (step) step();
}

static void note_first(void* attempt) { strcat(((struct Attempt*)attempt)->log, "a"); }

static void note_second(void* attempt) { strcat(((struct Attempt*)attempt)->log, "b"); }

static void* call(void* argument) {
  struct Attempt* attempt = argument;
  pthread_cleanup_push(note_second, attempt);
  pthread_cleanup_push(note_first, attempt);
  if (attempt->cancel == kDisabled) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  if (attempt->cancel == kBeforeTheCall) pthread_cancel(pthread_self());
  set_flag(&attempt->inside);
  attempt->point->make();
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return &completed;
}

// Returns what the thread is joined with.
static void* try(struct Attempt* attempt) {
  do_if(attempt->point->prepare);
  if (attempt->cancel == kBeforeTheCall) do_if(attempt->point->at_once);
  pthread_t thread = start(call, attempt);
  await_flag(&attempt->inside);
  usleep(1000);
  if (attempt->cancel != kBeforeTheCall) CHECK_EQ(pthread_cancel(thread), 0);
  if (attempt->cancel == kDisabled) do_if(attempt->point->end);
  return join(thread);
}

static void clean(const struct Point* point, bool was_cancelled) {
  if (was_cancelled && point->is_unharmed) state(point, "what was cancelled has done nothing", point->is_unharmed());
  do_if(point->clean);
}

void state_point(const struct Point* point) {
  if (point->end) {
    struct Attempt waiting = {.point = point, .cancel = kWhileItWaits};
    state(point, "a thread that waits in it ends when it is cancelled", try(&waiting) == PTHREAD_CANCELED);
    state(point, "the cleanup handlers run, the one pushed last first", strcmp(waiting.log, "ab") == 0);
    clean(point, true);
  }
  struct Attempt pending = {.point = point, .cancel = kBeforeTheCall};
  state(point, "a cancel that is pending acts at the call", try(&pending) == PTHREAD_CANCELED);
  state(point, "and runs the cleanup handlers", strcmp(pending.log, "ab") == 0);
  clean(point, true);
  struct Attempt disabled = {.point = point, .cancel = kDisabled};
  state(point, "a thread that has disabled cancellation completes the call", try(&disabled) == &completed);
  state(point, "and runs no cleanup handler", disabled.log[0] == '\0');
  clean(point, false);
}
