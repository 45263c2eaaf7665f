// One thread after the other, made and joined: ns for both.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tools/bench/measure.h"

static void* run(void* argument) { return argument; }

int main(int argc, char** argv) {
  const long threads = argc > 1 ? atol(argv[1]) : 100000;
  const double start = now_ns();
  for (long i = 0; i < threads; i++) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, run, NULL);
    if (errno != 0) return perror("spawn"), EXIT_FAILURE;
    pthread_join(thread, NULL);
  }
  printf("ns=%.1f\n", (now_ns() - start) / (double)threads);
}
