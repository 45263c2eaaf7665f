// many_threads COUNT: that many threads, all alive at once and joined, twice; and what memory is left after each time.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_alive = PTHREAD_COND_INITIALIZER, may_end = PTHREAD_COND_INITIALIZER;
static long count, alive;
static int ending;

// Each frees some memory: what malloc keeps of it for the thread must not stay for ever.
static void use_memory(void) {
  enum { kBlocks = 7 };
  void* blocks[kBlocks];
  for (size_t size = 24; size < 1024; size += 128) {
    for (int i = 0; i < kBlocks; i++) memset(blocks[i] = malloc(size), 1, size);
    for (int i = 0; i < kBlocks; i++) free(blocks[i]);
  }
}

static void* live(void* number) {
  pthread_mutex_lock(&lock);
  if (++alive == count) pthread_cond_signal(&all_alive);
  while (!ending) pthread_cond_wait(&may_end, &lock);
  pthread_mutex_unlock(&lock);
  if ((long)number % 100 == 0) use_memory();
  return number;
}

static long resident_kib(void) {
  long size, resident;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) exit(1);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run_all(pthread_t* threads) {
  alive = ending = 0;
  for (long i = 0; i < count; i++) {
    int error = pthread_create(&threads[i], NULL, live, (void*)i);
    if (error != 0) {
      printf("thread %ld: %s\n", i, strerror(error));
      exit(1);
    }
  }
  pthread_mutex_lock(&lock);
  while (alive < count) pthread_cond_wait(&all_alive, &lock);
  printf("alive: %ld\n", alive);
  ending = 1;
  pthread_cond_broadcast(&may_end);
  pthread_mutex_unlock(&lock);
  for (long i = 0; i < count; i++) {
    void* result = NULL;
    if (pthread_join(threads[i], &result) != 0 || result != (void*)i) {
      printf("thread %ld is not joined\n", i);
      exit(1);
    }
  }
  printf("joined: %ld, resident: %ld KiB\n", count, resident_kib());
}

int main(int argc, char** argv) {
  count = argc > 1 ? atol(argv[1]) : 0;
  pthread_t* threads = calloc((size_t)count, sizeof *threads);
  if (threads == NULL) return 1;
  for (int round = 0; round < 2; round++) run_all(threads);
  free(threads);
  return 0;
}
