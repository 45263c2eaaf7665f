#include "tests/libraries/pool.h"

#include <err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
  const struct Pool* pool;
  int jobs;
  char** lines;
  atomic_int next, kernel_threads;
  pthread_barrier_t begun, done;  // of all threads and the main one
} running;

struct Setting setting_of(int count, char** words) {
  if (count < 5) errx(1, "usage: %s ADDRESS THREADS JOBS meet|wait [...]", words[0]);
  return (struct Setting){words[1], atoi(words[2]), atoi(words[3]), strcmp(words[4], "meet") == 0};
}

char* line(const char* format, ...) {
  char* text;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0) errx(1, "no memory");
  va_end(arguments);
  return text;
}

void check_large(const char* text, unsigned long length) {
  if (length != kLarge || strspn(text, "x") != kLarge) errx(1, "%lu bytes of a large answer are wrong", length);
}

static void note_kernel_threads(void) {
  char text[200];
  FILE* status = fopen("/proc/self/status", "r");
  if (status == NULL) errx(1, "no /proc");
  while (fgets(text, sizeof text, status) != NULL) {
    int now, most = atomic_load(&running.kernel_threads);
    if (sscanf(text, "Threads: %d", &now) != 1) continue;
    while (now > most && !atomic_compare_exchange_weak(&running.kernel_threads, &most, now)) continue;
  }
  fclose(status);
}

static void* run_jobs(void* unused) {
  (void)unused;
  const struct Pool* pool = running.pool;
  void* state = pool->begin != NULL ? pool->begin() : NULL;
  int number;
  pthread_barrier_wait(&running.begun);
  while ((number = atomic_fetch_add(&running.next, 1)) < running.jobs) {
    running.lines[number] = pool->job(state, number);
    note_kernel_threads();
  }
  pthread_barrier_wait(&running.done);
  if (pool->end != NULL) pool->end(state);
  return NULL;
}

static pthread_t start(void* (*function)(void*)) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, function, NULL) != 0) errx(1, "no thread");
  return thread;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void pool_run(const struct Pool* pool, struct Setting setting) {
  pthread_t threads[setting.threads], gate;
  running.pool = pool;
  running.jobs = setting.jobs;
  running.lines = calloc((size_t)setting.jobs, sizeof *running.lines);
  pthread_barrier_init(&running.begun, NULL, (unsigned)setting.threads + 1);
  pthread_barrier_init(&running.done, NULL, (unsigned)setting.threads + 1);
  for (int i = 0; i < setting.threads; i++) threads[i] = start(run_jobs);

  const bool has_gate = setting.meet && pool->gate != NULL;
  if (has_gate) gate = start(pool->gate);
  pthread_barrier_wait(&running.begun);
  const double begin = now();
  pthread_barrier_wait(&running.done);
  const double seconds = now() - begin;
  for (int i = 0; i < setting.threads; i++) pthread_join(threads[i], NULL);
  if (has_gate) pthread_join(gate, NULL);

  for (int i = 0; i < setting.jobs; i++) {
    printf("%d: %s\n", i, running.lines[i]);
    free(running.lines[i]);
  }
  free(running.lines);
  fprintf(stderr, "pool: seconds=%.3f kernel_threads=%d\n", seconds, atomic_load(&running.kernel_threads));
}
