// Two threads that give the processor to each other: ns a sched_yield. The kernel need not switch on each of them, so
// the part that did is counted too. Natively it means something only on one CPU (taskset 1).
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tools/bench/measure.h"

static long yields;
static _Atomic(void*) last;  // who ran before
static atomic_long handovers;

static void* run(void* me) {
  long mine = 0;
  for (long i = 0; i < yields; i++) {
    sched_yield();
    if (atomic_load_explicit(&last, memory_order_relaxed) == me) continue;
    atomic_store_explicit(&last, me, memory_order_relaxed);
    mine++;
  }
  handovers += mine;
  return NULL;
}

int main(int argc, char** argv) {
  yields = argc > 1 ? atol(argv[1]) : 1000000;
  pthread_t threads[2];
  char names[2];
  const double start = now_ns();
  for (int i = 0; i < 2; i++) {
    errno = pthread_create(&threads[i], NULL, run, &names[i]);
    if (errno != 0) return perror("switch"), EXIT_FAILURE;
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  const double total = 2.0 * (double)yields;
  printf("ns=%.1f handovers=%.3f\n", (now_ns() - start) / total, (double)handovers / total);
}
