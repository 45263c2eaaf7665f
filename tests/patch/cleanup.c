// Cleanup handlers. Built twice: as plain C, where they are a list that pthread_exit walks, and with -fexceptions,
// where the unwinder finds them.
#include <sched.h>
#include <stdint.h>

#include "tests/support/case.h"

enum { kThreads = 20 };

struct Log {
  char text[64];
  int length;
};

struct Entry {
  struct Log* log;
  char letter;
};

static void note(void* argument) {
  const struct Entry* entry = argument;
  entry->log->text[entry->log->length++] = entry->letter;
}

static void sleep_and_note(void* entry) {
  usleep(100);
  sched_yield();
  note(entry);
}

static void exit_inside(struct Log* log, int depth) {
  struct Entry entry = {log, (char)('0' + depth)};
  pthread_cleanup_push(sleep_and_note, &entry);
  if (depth == 0) pthread_exit(log);
  if (depth > 0) exit_inside(log, depth - 1);
  pthread_cleanup_pop(0);
}

static void* exit_from_nested_frames(void* argument) {
  struct Log* log = argument;
  struct Entry popped = {log, 'p'}, run = {log, 'r'}, outer = {log, 'o'};
  pthread_cleanup_push(note, &outer);
  pthread_cleanup_push(note, &popped);
  usleep(100);
  pthread_cleanup_pop(0);
  pthread_cleanup_push(note, &run);
  pthread_cleanup_pop(1);
  exit_inside(log, 5);
  pthread_cleanup_pop(0);
  return NULL;
}

CASE(pthread_exit_runs_the_handlers_of_all_frames) {
  pthread_t threads[kThreads];
  struct Log logs[kThreads] = {0};
  for (int i = 0; i < kThreads; i++) threads[i] = start(exit_from_nested_frames, &logs[i]);
  for (int i = 0; i < kThreads; i++) {
    CHECK(join(threads[i]) == &logs[i]);
    CHECK_TEXT(logs[i].text, "r012345o");
  }
}

static void* return_past_handlers(void* argument) {
  struct Entry entry = {argument, 'x'};
  pthread_cleanup_push(note, &entry);
  sched_yield();
  pthread_cleanup_pop(0);
  return argument;
}

CASE(a_thread_that_returns_runs_none) {
  struct Log log = {0};
  CHECK(join(start(return_past_handlers, &log)) == &log);
  CHECK_TEXT(log.text, "");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void unlock(void* argument) { CHECK_EQ(pthread_mutex_unlock(argument), 0); }

static void* exit_with_lock(void* argument) {
  CHECK_EQ(pthread_mutex_lock(&mutex), 0);
  pthread_cleanup_push(unlock, &mutex);
  usleep(100);
  pthread_exit(argument);
  pthread_cleanup_pop(1);
  return NULL;
}

CASE(handlers_that_unlock) {
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; i++) threads[i] = start(exit_with_lock, (void*)i);
  for (intptr_t i = 0; i < kThreads; i++) CHECK_EQ((intptr_t)join(threads[i]), i);
  CHECK_EQ(pthread_mutex_trylock(&mutex), 0);
}

static pthread_key_t key;

static void note_key(void* log) { note(&(struct Entry){log, 'k'}); }

static void* exit_with_key(void* argument) {
  struct Entry entry = {argument, 'h'};
  CHECK_EQ(pthread_setspecific(key, argument), 0);
  pthread_cleanup_push(sleep_and_note, &entry);
  pthread_exit(argument);
  pthread_cleanup_pop(0);
  return NULL;
}

CASE(handlers_run_before_the_destructors_of_keys) {
  struct Log log = {0};
  CHECK_EQ(pthread_key_create(&key, note_key), 0);
  CHECK(join(start(exit_with_key, &log)) == &log);
  CHECK_TEXT(log.text, "hk");
  CHECK_EQ(pthread_key_delete(key), 0);
}
