// Threads that hand things to each other with a mutex and condition variables: every wake-up counts.
#include "tests/support/case.h"

enum { kRounds = 2000 };

struct Turns {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  int value;
};

static void pass_turns(struct Turns* state, int own) {
  for (int i = 0; i < kRounds; i++) {
    CHECK_EQ(pthread_mutex_lock(&state->mutex), 0);
    while (state->value % 2 != own) CHECK_EQ(pthread_cond_wait(&state->condition, &state->mutex), 0);
    state->value++;
    CHECK_EQ(pthread_cond_signal(&state->condition), 0);
    CHECK_EQ(pthread_mutex_unlock(&state->mutex), 0);
  }
}

static void* pass_odd_turns(void* state) {
  pass_turns(state, 1);
  return NULL;
}

CASE(two_threads_take_turns) {
  struct Turns state = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  pthread_t other = start(pass_odd_turns, &state);
  pass_turns(&state, 0);
  join(other);
  CHECK_EQ(state.value, 2 * kRounds);
}

enum { kPlaces = 4, kItems = 3000 };

struct Queue {
  pthread_mutex_t mutex;
  pthread_cond_t not_empty, not_full;
  int items[kPlaces];
  int count, first;
};

static void put(struct Queue* queue, int item) {
  CHECK_EQ(pthread_mutex_lock(&queue->mutex), 0);
  while (queue->count == kPlaces) CHECK_EQ(pthread_cond_wait(&queue->not_full, &queue->mutex), 0);
  queue->items[(queue->first + queue->count++) % kPlaces] = item;
  CHECK_EQ(pthread_cond_signal(&queue->not_empty), 0);
  CHECK_EQ(pthread_mutex_unlock(&queue->mutex), 0);
}

static int take(struct Queue* queue) {
  CHECK_EQ(pthread_mutex_lock(&queue->mutex), 0);
  while (queue->count == 0) CHECK_EQ(pthread_cond_wait(&queue->not_empty, &queue->mutex), 0);
  int item = queue->items[queue->first];
  queue->first = (queue->first + 1) % kPlaces;
  queue->count--;
  CHECK_EQ(pthread_cond_signal(&queue->not_full), 0);
  CHECK_EQ(pthread_mutex_unlock(&queue->mutex), 0);
  return item;
}

static void* produce(void* queue) {
  for (int i = 1; i <= kItems; i++) put(queue, i);
  return NULL;
}

static void* consume(void* queue) {
  long sum = 0;
  for (int item; (item = take(queue)) != 0;) sum += item;
  return (void*)sum;
}

CASE(producers_and_consumers) {
  static struct Queue queue = {
      .mutex = PTHREAD_MUTEX_INITIALIZER, .not_empty = PTHREAD_COND_INITIALIZER, .not_full = PTHREAD_COND_INITIALIZER};
  pthread_t producers[3], consumers[3];
  long sum = 0;
  for (int i = 0; i < 3; i++) consumers[i] = start(consume, &queue);
  for (int i = 0; i < 3; i++) producers[i] = start(produce, &queue);
  join_all(producers, 3);
  for (int i = 0; i < 3; i++) put(&queue, 0);
  for (int i = 0; i < 3; i++) sum += (long)join(consumers[i]);
  CHECK_EQ(sum, 3L * kItems * (kItems + 1) / 2);
}
