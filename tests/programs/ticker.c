// ticker blocks|computes|spins: a thread ticks every millisecond while two others do the one or the other for a second.
// Prints key=value pairs: the ticks in that second, and how far they lay apart.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kSiblings = 2, kTicksMax = 100000 };

static atomic_bool is_over;
static double gaps[kTicksMax];  // us
static int ticks;
static volatile unsigned sink;

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void* tick(void* argument) {
  double last = now_us();
  do {
    usleep(1000);
    const double now = now_us();
    gaps[ticks++] = now - last;
    last = now;
  } while (!atomic_load(&is_over) && ticks < kTicksMax);
  return argument;
}

// poll(NULL, 0, 1000), in a way that no preloaded library can see.
static void* block(void* argument) {
  long result = SYS_poll;
  __asm__ volatile("syscall" : "+a"(result) : "D"(NULL), "S"(0), "d"(1000) : "rcx", "r11", "memory");
  if (result != 0) fprintf(stderr, "ticker: poll returned %ld\n", result), exit(EXIT_FAILURE);
  return argument;
}

static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static void* compute(void* argument) {
  for (const double end = now_us() + 1e6; now_us() < end;) sink = fib(22);
  return argument;
}

static void* spin(void* argument) {
  while (!atomic_load(&is_over)) continue;
  return argument;
}

static int ascending(const void* left, const void* right) {
  const double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

static void run(void* (*sibling)(void*)) {
  pthread_t ticker, siblings[kSiblings];
  pthread_create(&ticker, NULL, tick, NULL);
  for (int i = 0; i < kSiblings; i++) pthread_create(&siblings[i], NULL, sibling, NULL);
  if (sibling == spin) sleep(1), atomic_store(&is_over, true);
  for (int i = 0; i < kSiblings; i++) pthread_join(siblings[i], NULL);
  atomic_store(&is_over, true);
  pthread_join(ticker, NULL);
}

int main(int argc, char** argv) {
  const char* kind = argc == 2 ? argv[1] : "";
  void* (*sibling)(void*) = strcmp(kind, "blocks") == 0     ? block
                            : strcmp(kind, "computes") == 0 ? compute
                            : strcmp(kind, "spins") == 0    ? spin
                                                            : NULL;
  if (!sibling) return fprintf(stderr, "Usage: ticker blocks|computes|spins\n"), 2;
  run(sibling);
  qsort(gaps, (size_t)ticks, sizeof *gaps, ascending);
  printf("ticks=%d p50_us=%.0f p99_us=%.0f worst_us=%.0f\n", ticks, gaps[ticks / 2], gaps[ticks * 99 / 100],
         gaps[ticks - 1]);
}
