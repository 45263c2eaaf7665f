// Threads that sleep: by how much they make the process grow.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/bench/measure.h"

static atomic_long asleep;

static void* run(void* argument) {
  asleep++;
  sleep(3600);
  return argument;
}

int main(int argc, char** argv) {
  const long threads = argc > 1 ? atol(argv[1]) : 10000;
  const long rss = self_status("VmRSS:"), page_tables = self_status("VmPTE:"), kernel_threads = self_status("Threads:");
  for (long i = 0; i < threads; i++) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, run, NULL);
    if (errno != 0) return perror("idle"), EXIT_FAILURE;
  }
  while (asleep < threads) usleep(10000);
  usleep(100000);  // the last ones are about to
  printf("threads=%ld kernel_threads=%ld rss_kib=%ld page_tables_kib=%ld\n", threads,
         self_status("Threads:") - kernel_threads, self_status("VmRSS:") - rss, self_status("VmPTE:") - page_tables);
}
