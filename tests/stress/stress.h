// What the threads of the stress test share. Everything a worker does follows from the seed, so the sums it prints do,
// too, however the threads are interleaved.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  kWorkers = 16,
  kSteps = 6000,  // of each worker
  kCounters = 6,
  kPipes = 4,
  kPlaces = 8,  // in the queue
  kConsumers = 3,
  kAtOnce = 3,  // inside the semaphore
  kPairs = 4,
  kTurns = 3000,  // of each pair
};

#define CHECK(what)                                                                  \
  do {                                                                               \
    if (!(what)) {                                                                   \
      printf("FAILED at %s:%d: %s does not hold (%m)\n", __FILE__, __LINE__, #what); \
      fflush(stdout);                                                                \
      _Exit(1);                                                                      \
    }                                                                                \
  } while (0)

struct Random {
  uint64_t state;
};

uint32_t random_below(struct Random* random, uint32_t limit);

// One of the threads that do random things. Its own: nobody else touches it.
struct Worker {
  int number;
  struct Random random;
  int echo;                    // connected to a thread that sends everything back
  uint32_t sequences[kPipes];  // of its records in each pipe
  pthread_mutex_t mutex;       // with the next two: what never happens, to wait for in vain
  pthread_cond_t condition;
  sem_t semaphore;
  int silent[2];
  struct Sums {
    uint64_t counted, records, echoed, queued, timeouts, writes, entered, children;
  } sums;
};

void init_shared(void);
void init_worker(struct Worker* worker, int number, uint64_t seed);

// One random step: takes a lock, sends something, starts a thread, ...
void do_step(struct Worker* worker);

// Threads that go on until the others have nothing more for them.
void* read_pipe(void* number);  // returns how many records came; checks each and their order
void* consume(void* unused);    // returns the sum of what it took
void* echo(void* fd);
void close_pipes(void);
void stop_consumers(void);

uint64_t counted_in_all(void);
uint64_t writes_in_all(void);
