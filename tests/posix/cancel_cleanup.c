// What runs when a thread is cancelled, POSIX.1-2017 XSH 2.9.5.3 and 2.9.5.4: cleanup handlers, then the destructors of
// keys. Built twice: as plain C, and with -fexceptions.
#include "tests/posix/holds.h"

struct Log {
  char text[32];
};

static struct Log entries;

static void note(void* text) { strcat(entries.text, text); }

static void begin(void) { entries = (struct Log){""}; }

static void inner(int depth) {
  char digit[2] = {(char)('0' + depth), 0};
  pthread_cleanup_push(note, digit);
  if (depth == 3) pthread_cancel(pthread_self());
  if (depth == 3) pthread_testcancel();
  if (depth < 3) inner(depth + 1);
  pthread_cleanup_pop(0);
}

static void* cancelled_in_nested_frames(void* argument) {
  pthread_cleanup_push(note, "o");
  pthread_cleanup_push(note, "p");
  pthread_cleanup_pop(0);
  pthread_cleanup_push(note, "r");
  pthread_cleanup_pop(1);
  inner(0);
  pthread_cleanup_pop(0);
  return argument;
}

CASE(order) {
  begin();
  void* result = join(start(cancelled_in_nested_frames, NULL));
  HOLDS(pthread_cleanup_push, "handlers of all frames run, the one pushed last first",
        result == PTHREAD_CANCELED && strcmp(entries.text, "r3210o") == 0);
  HOLDS(pthread_cleanup_pop, "with a non-zero argument runs the handler", entries.text[0] == 'r');
  HOLDS(pthread_cleanup_pop, "with zero removes it unrun", strchr(entries.text, 'p') == NULL);
}

// In a handler.
static int state_in_handler, again;

static void look_at_state(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_in_handler);
  pthread_setcancelstate(state_in_handler, NULL);
  pthread_testcancel();
  usleep(100);
  again = pthread_cancel(pthread_self());
  pthread_testcancel();
  note(argument);
}

static void* cancelled_with_handler(void* argument) {
  pthread_cleanup_push(look_at_state, "h");
  pthread_cancel(pthread_self());
  pthread_testcancel();
  pthread_cleanup_pop(0);
  return argument;
}

CASE(in_a_handler) {
  begin();
  void* result = join(start(cancelled_with_handler, NULL));
  HOLDS(pthread_cleanup_push, "a handler may block, and is not cancelled",
        result == PTHREAD_CANCELED && strcmp(entries.text, "h") == 0);
  HOLDS(pthread_cancel, "of a thread that runs its handlers returns 0", again == 0);
}

// Keys.
static pthread_key_t key;

static void* set_key_and_cancel(void* argument) {
  pthread_setspecific(key, "k");
  pthread_cleanup_push(note, "h");
  pthread_cancel(pthread_self());
  pthread_testcancel();
  pthread_cleanup_pop(0);
  return argument;
}

CASE(keys) {
  begin();
  CHECK_EQ(pthread_key_create(&key, note), 0);
  void* result = join(start(set_key_and_cancel, NULL));
  HOLDS(pthread_key_create, "destructors run when a thread is cancelled, after its cleanup handlers",
        result == PTHREAD_CANCELED && strcmp(entries.text, "hk") == 0);
  CHECK_EQ(pthread_key_delete(key), 0);
}

static void wait_in_destructor(void* argument) {
  usleep(1000);
  pthread_testcancel();
  note(argument);
}

CASE(keys_that_wait) {
  begin();
  CHECK_EQ(pthread_key_create(&key, wait_in_destructor), 0);
  void* result = join(start(set_key_and_cancel, NULL));
  HOLDS(pthread_key_create, "a destructor may block, and is not cancelled again",
        result == PTHREAD_CANCELED && strcmp(entries.text, "hk") == 0);
  CHECK_EQ(pthread_key_delete(key), 0);
}

// A lock that a handler gives back.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void unlock(void* lock) { pthread_mutex_unlock(lock); }

static void* hold_and_wait(void* argument) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(unlock, &mutex);
  entering();
  for (;;) sleep(100);
  pthread_cleanup_pop(1);
  return argument;
}

CASE(locks) {
  pthread_t thread = start(hold_and_wait, NULL);
  await_entered(1);
  pthread_cancel(thread);
  HOLDS(pthread_cleanup_push, "a handler can give a lock back",
        pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
  CHECK(join(thread) == PTHREAD_CANCELED);
}

// once.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int runs;

static void wait_or_not(void) {
  runs++;
  entering();
  while (runs == 1) sleep(100);
}

static void* call_once(void* argument) {
  pthread_once(&once, wait_or_not);
  return argument;
}

CASE(once) {
  pthread_t thread = start(call_once, NULL);
  await_entered(1);
  pthread_cancel(thread);
  CHECK(join(thread) == PTHREAD_CANCELED);
  HOLDS(pthread_once, "a cancelled routine counts as never called",
        join(start(call_once, &runs)) == &runs && runs == 2);
}
