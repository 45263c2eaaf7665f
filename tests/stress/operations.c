// The random steps of the workers, and the threads at the other ends.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/stress/stress.h"

enum { kLongestMessage = 12000, kLongestRecord = 200 };

struct Record {
  uint16_t size, writer;
  uint32_t sequence;
  unsigned char filling[kLongestRecord];
};

static struct {
  pthread_mutex_t mutex;
  uint64_t value;
} counters[kCounters];

static int pipes[kPipes][2];

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t not_empty, not_full;
  uint64_t items[kPlaces];
  int count, first;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0};

static struct {
  pthread_rwlock_t lock;
  uint64_t left, right;
} pair = {PTHREAD_RWLOCK_INITIALIZER, 0, 0};

static sem_t places;
static int inside;
static pthread_key_t key;

uint32_t random_below(struct Random* random, uint32_t limit) {
  random->state += 0x9e3779b97f4a7c15;  // splitmix64
  uint64_t mixed = random->state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return (uint32_t)((mixed ^ (mixed >> 31)) % limit);
}

static void init_mutex(pthread_mutex_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

void init_shared(void) {
  int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};
  for (int i = 0; i < kCounters; i++) init_mutex(&counters[i].mutex, types[i % 3]);
  for (int i = 0; i < kPipes; i++) CHECK(pipe(pipes[i]) == 0);
  for (int i = 0; i < kPipes; i++) fcntl(pipes[i][1], F_SETPIPE_SZ, 4096);  // so that writers wait
  CHECK(sem_init(&places, 0, kAtOnce) == 0);
  CHECK(pthread_key_create(&key, NULL) == 0);
}

void init_worker(struct Worker* worker, int number, uint64_t seed) {
  *worker = (struct Worker){.number = number, .random = {seed * 1000 + (uint64_t)number}};
  CHECK(pthread_mutex_init(&worker->mutex, NULL) == 0);
  CHECK(pthread_cond_init(&worker->condition, NULL) == 0);
  CHECK(sem_init(&worker->semaphore, 0, 0) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, worker->silent) == 0);
}

// Gives others a chance in the worst moment.
static void dawdle(struct Worker* worker) {
  uint32_t how = random_below(&worker->random, 8);
  if (how == 0) sched_yield();
  if (how == 1) usleep(random_below(&worker->random, 300));
}

static void count(struct Worker* worker) {
  int index = (int)random_below(&worker->random, kCounters);
  uint64_t amount = random_below(&worker->random, 1000);
  CHECK(pthread_mutex_lock(&counters[index].mutex) == 0);
  uint64_t seen = counters[index].value;
  dawdle(worker);
  counters[index].value = seen + amount;
  CHECK(pthread_mutex_unlock(&counters[index].mutex) == 0);
  worker->sums.counted += amount;
}

static void send_record(struct Worker* worker) {
  int index = (int)random_below(&worker->random, kPipes);
  struct Record record = {.writer = (uint16_t)worker->number, .sequence = worker->sequences[index]++};
  record.size = (uint16_t)(sizeof record - random_below(&worker->random, kLongestRecord));
  memset(record.filling, (int)record.sequence, sizeof record.filling);
  CHECK(write(pipes[index][1], &record, record.size) == record.size);
  worker->sums.records++;
}

static void read_exactly(int fd, void* buffer, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = read(fd, (char*)buffer + done, size - done);
    CHECK(n > 0);
    done += (size_t)n;
  }
}

void* read_pipe(void* number) {
  int fd = pipes[(intptr_t)number][0];
  uint32_t expected[kWorkers] = {0};
  uint64_t records = 0;
  size_t head = offsetof(struct Record, filling);
  for (struct Record record;; records++) {
    ssize_t n = read(fd, &record, 1);
    CHECK(n >= 0);
    if (n == 0) return (void*)records;
    read_exactly(fd, (char*)&record + 1, head - 1);
    CHECK(record.writer < kWorkers && record.sequence == expected[record.writer]++);
    read_exactly(fd, record.filling, record.size - head);
    for (size_t i = 0; i < record.size - head; i++) CHECK(record.filling[i] == (unsigned char)record.sequence);
  }
}

void close_pipes(void) {
  for (int i = 0; i < kPipes; i++) CHECK(close(pipes[i][1]) == 0);
}

static void await_readable(struct Worker* worker, int fd) {
  uint32_t how = random_below(&worker->random, 3);
  struct pollfd readable = {fd, POLLIN, 0};
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  if (how == 0) CHECK(poll(&readable, 1, 100000) == 1 && readable.revents == POLLIN);
  if (how == 1) CHECK(select(fd + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &set));
}

static void exchange(struct Worker* worker) {
  unsigned char sent[kLongestMessage], received[kLongestMessage];
  size_t size = 1 + random_below(&worker->random, kLongestMessage);
  unsigned char begin = (unsigned char)random_below(&worker->random, 256);
  for (size_t i = 0; i < size; i++) sent[i] = (unsigned char)(begin + i * 13);
  CHECK(send(worker->echo, sent, size, 0) == (ssize_t)size);
  await_readable(worker, worker->echo);
  read_exactly(worker->echo, received, size);
  CHECK(memcmp(sent, received, size) == 0);
  worker->sums.echoed += size;
}

void* echo(void* fd) {
  char buffer[3000];
  for (;;) {
    ssize_t n = recv((int)(intptr_t)fd, buffer, sizeof buffer, 0);
    CHECK(n >= 0);
    if (n == 0) break;
    CHECK(send((int)(intptr_t)fd, buffer, (size_t)n, 0) == n);
  }
  CHECK(close((int)(intptr_t)fd) == 0);
  return NULL;
}

static struct timespec in_us(clockid_t clock, long microseconds) {
  struct timespec time;
  clock_gettime(clock, &time);
  long long at = time.tv_sec * 1000000000LL + time.tv_nsec + microseconds * 1000LL;
  return (struct timespec){at / 1000000000, at % 1000000000};
}

static void put(uint64_t item) {
  CHECK(pthread_mutex_lock(&queue.mutex) == 0);
  while (queue.count == kPlaces) CHECK(pthread_cond_wait(&queue.not_full, &queue.mutex) == 0);
  queue.items[(queue.first + queue.count++) % kPlaces] = item;
  CHECK(pthread_cond_signal(&queue.not_empty) == 0);
  CHECK(pthread_mutex_unlock(&queue.mutex) == 0);
}

static void enqueue(struct Worker* worker) {
  uint64_t item = 1 + random_below(&worker->random, 1000);
  put(item);
  worker->sums.queued += item;
}

// Some of its waits time out, and it waits again.
void* consume(void* unused) {
  uint64_t sum = 0;
  (void)unused;
  for (uint64_t item = 1; item != 0; sum += item) {
    CHECK(pthread_mutex_lock(&queue.mutex) == 0);
    while (queue.count == 0) {
      struct timespec deadline = in_us(CLOCK_REALTIME, 200);
      int error = pthread_cond_timedwait(&queue.not_empty, &queue.mutex, &deadline);
      CHECK(error == 0 || error == ETIMEDOUT);
    }
    item = queue.items[queue.first];
    queue.first = (queue.first + 1) % kPlaces;
    queue.count--;
    CHECK(pthread_cond_signal(&queue.not_full) == 0);
    CHECK(pthread_mutex_unlock(&queue.mutex) == 0);
  }
  return (void*)sum;
}

void stop_consumers(void) {
  for (int i = 0; i < kConsumers; i++) put(0);
}

static void time_out_in_condition(struct Worker* worker, struct timespec deadline) {
  CHECK(pthread_mutex_lock(&worker->mutex) == 0);
  CHECK(pthread_cond_timedwait(&worker->condition, &worker->mutex, &deadline) == ETIMEDOUT);
  CHECK(pthread_mutex_unlock(&worker->mutex) == 0);
}

static void time_out(struct Worker* worker) {
  long microseconds = (long)random_below(&worker->random, 3000);
  struct timespec deadline = in_us(CLOCK_REALTIME, microseconds), duration = {0, microseconds * 1000};
  struct timeval interval = {0, microseconds};
  struct pollfd silent = {worker->silent[0], POLLIN, 0};
  switch (random_below(&worker->random, 5)) {
    case 0:
      time_out_in_condition(worker, deadline);
      break;
    case 1:
      CHECK(sem_timedwait(&worker->semaphore, &deadline) == -1 && errno == ETIMEDOUT);
      break;
    case 2:
      CHECK(ppoll(&silent, 1, &duration, NULL) == 0);
      break;
    case 3:
      CHECK(select(0, NULL, NULL, NULL, &interval) == 0);
      break;
    default:
      CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &deadline, NULL) == 0);
  }
  struct timespec now = in_us(CLOCK_REALTIME, 0);
  CHECK(now.tv_sec > deadline.tv_sec || (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec));
  worker->sums.timeouts++;
}

static void read_or_write_pair(struct Worker* worker) {
  int writes = random_below(&worker->random, 4) == 0;
  CHECK((writes ? pthread_rwlock_wrlock(&pair.lock) : pthread_rwlock_rdlock(&pair.lock)) == 0);
  uint64_t left = pair.left;
  if (writes) pair.left++;
  dawdle(worker);
  CHECK(pair.right == left);
  if (writes) pair.right++;
  CHECK(pthread_rwlock_unlock(&pair.lock) == 0);
  worker->sums.writes += (uint64_t)writes;
}

static void enter(struct Worker* worker) {
  CHECK(sem_wait(&places) == 0);
  CHECK(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) <= kAtOnce);
  dawdle(worker);
  __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
  CHECK(sem_post(&places) == 0);
  worker->sums.entered++;
}

static void* return_after_yielding(void* value) {
  static __thread int zero;
  CHECK(zero++ == 0 && pthread_getspecific(key) == NULL);
  CHECK(pthread_setspecific(key, value) == 0);
  sched_yield();
  if ((uintptr_t)value % 2) pthread_exit(pthread_getspecific(key));
  return pthread_getspecific(key);
}

static void start_and_join(struct Worker* worker) {
  uintptr_t value = 1 + random_below(&worker->random, 1000);
  pthread_t thread;
  void* result;
  CHECK(pthread_create(&thread, NULL, return_after_yielding, (void*)value) == 0);
  CHECK(pthread_join(thread, &result) == 0 && result == (void*)value);
  worker->sums.children += value;
}

void do_step(struct Worker* worker) {
  static void (*const steps[])(struct Worker*) = {
      count,    count, send_record,        send_record, exchange,           enqueue,       enqueue,
      time_out, enter, read_or_write_pair, enter,       read_or_write_pair, start_and_join};
  steps[random_below(&worker->random, sizeof steps / sizeof steps[0])](worker);
}

uint64_t counted_in_all(void) {
  uint64_t sum = 0;
  for (int i = 0; i < kCounters; i++) sum += counters[i].value;
  return sum;
}

uint64_t writes_in_all(void) { return pair.left; }
