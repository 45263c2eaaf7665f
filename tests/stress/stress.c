// stress SEED: threads x mutexes x conditions x pipes x sockets x timeouts, at random. Checks that nothing is lost or
// doubled and that everyone is woken, and prints sums that depend on the seed only.
#include "tests/stress/stress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static struct Worker workers[kWorkers];

static pthread_t start(void* (*run)(void*), void* argument) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run, argument) == 0);
  return thread;
}

static uint64_t join(pthread_t thread) {
  void* result = NULL;
  CHECK(pthread_join(thread, &result) == 0);
  return (uint64_t)result;
}

static void* work(void* argument) {
  struct Worker* worker = argument;
  for (int i = 0; i < kSteps; i++) do_step(worker);
  CHECK(shutdown(worker->echo, SHUT_WR) == 0);
  char byte;
  CHECK(read(worker->echo, &byte, 1) == 0);
  return NULL;
}

static struct sockaddr_in address = {.sin_family = AF_INET};

static int listen_on_loopback(void) {
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(bind(fd, (struct sockaddr*)&address, size) == 0 && listen(fd, kWorkers) == 0);
  CHECK(getsockname(fd, (struct sockaddr*)&address, &size) == 0);
  return fd;
}

static void send_at_once(int fd) {
  int on = 1;
  CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

static void* accept_all(void* listener) {
  pthread_t echoes[kWorkers];
  for (int i = 0; i < kWorkers; i++) {
    int fd = accept((int)(intptr_t)listener, NULL, NULL);
    CHECK(fd >= 0);
    send_at_once(fd);
    echoes[i] = start(echo, (void*)(intptr_t)fd);
  }
  for (int i = 0; i < kWorkers; i++) join(echoes[i]);
  return NULL;
}

static void connect_worker(struct Worker* worker) {
  worker->echo = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(worker->echo, (struct sockaddr*)&address, sizeof address) == 0);
  send_at_once(worker->echo);
}

// Both threads of a pair run take_turns(); each wakes the other and waits to be woken, by another means each time.
struct Pair {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  int turn;
  sem_t semaphores[2];
  int ends[2];
  int players;
};

static void pass_by_condition(struct Pair* pair, int own, int round) {
  CHECK(pthread_mutex_lock(&pair->mutex) == 0);
  while (pair->turn < 2 * round + own) CHECK(pthread_cond_wait(&pair->condition, &pair->mutex) == 0);
  pair->turn++;
  CHECK(pthread_cond_broadcast(&pair->condition) == 0);
  while (pair->turn < 2 * round + 2) CHECK(pthread_cond_wait(&pair->condition, &pair->mutex) == 0);
  CHECK(pthread_mutex_unlock(&pair->mutex) == 0);
}

static void pass_by_semaphore(struct Pair* pair, int own) {
  CHECK(sem_post(&pair->semaphores[1 - own]) == 0);
  CHECK(sem_wait(&pair->semaphores[own]) == 0);
}

static void pass_by_socket(struct Pair* pair, int own, int round) {
  int received = -1;
  CHECK(send(pair->ends[own], &round, sizeof round, 0) == sizeof round);
  CHECK(recv(pair->ends[own], &received, sizeof received, MSG_WAITALL) == sizeof received);
  CHECK(received == round);
}

static void* take_turns(void* argument) {
  struct Pair* pair = argument;
  int own = __atomic_fetch_add(&pair->players, 1, __ATOMIC_SEQ_CST);
  for (int round = 0; round < kTurns; round++) {
    pass_by_condition(pair, own, round);
    pass_by_semaphore(pair, own);
    pass_by_socket(pair, own, round);
  }
  return NULL;
}

static void init_pair(struct Pair* pair) {
  CHECK(pthread_mutex_init(&pair->mutex, NULL) == 0 && pthread_cond_init(&pair->condition, NULL) == 0);
  for (int i = 0; i < 2; i++) CHECK(sem_init(&pair->semaphores[i], 0, 0) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair->ends) == 0);
}

static struct Sums sum_up(void) {
  struct Sums sums = {0};
  for (int i = 0; i < kWorkers; i++) {
    const struct Sums* own = &workers[i].sums;
    sums.counted += own->counted, sums.records += own->records, sums.echoed += own->echoed;
    sums.queued += own->queued, sums.timeouts += own->timeouts, sums.writes += own->writes;
    sums.entered += own->entered, sums.children += own->children;
  }
  return sums;
}

static void print(const struct Sums* sums) {
  printf(
      "counted %lu, %lu records, %lu bytes echoed, queued %lu, %lu timeouts, %lu writes, entered %lu, children %lu\n",
      sums->counted, sums->records, sums->echoed, sums->queued, sums->timeouts, sums->writes, sums->entered,
      sums->children);
}

int main(int argc, char** argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  static struct Pair pairs[kPairs];
  pthread_t threads[kWorkers], readers[kPipes], consumers[kConsumers], players[2 * kPairs];
  init_shared();
  pthread_t acceptor = start(accept_all, (void*)(intptr_t)listen_on_loopback());
  for (intptr_t i = 0; i < kPipes; i++) readers[i] = start(read_pipe, (void*)i);
  for (int i = 0; i < kConsumers; i++) consumers[i] = start(consume, NULL);
  for (int i = 0; i < kPairs; i++) init_pair(&pairs[i]);
  for (int i = 0; i < 2 * kPairs; i++) players[i] = start(take_turns, &pairs[i / 2]);
  for (int i = 0; i < kWorkers; i++) init_worker(&workers[i], i, seed);
  for (int i = 0; i < kWorkers; i++) connect_worker(&workers[i]);
  for (int i = 0; i < kWorkers; i++) threads[i] = start(work, &workers[i]);

  for (int i = 0; i < kWorkers; i++) join(threads[i]);
  close_pipes();
  stop_consumers();
  uint64_t records = 0, queued = 0;
  for (int i = 0; i < kPipes; i++) records += join(readers[i]);
  for (int i = 0; i < kConsumers; i++) queued += join(consumers[i]);
  for (int i = 0; i < 2 * kPairs; i++) join(players[i]);
  join(acceptor);

  struct Sums sums = sum_up();
  CHECK(counted_in_all() == sums.counted && writes_in_all() == sums.writes);
  CHECK(records == sums.records && queued == sums.queued);
  print(&sums);
  return 0;
}
