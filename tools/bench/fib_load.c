// Two connections to examples/fib_server: one asks for a number that takes seconds, the other for fib(1) over and over
// until the first is answered. Prints one line of key=value pairs: what the second one saw.
//
//     fib_load PORT N        exit status 1 where an answer is wrong or a connection ends
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tools/bench/measure.h"

enum { latencies_max = 4000000 };

static double latencies[latencies_max];  // ns
static size_t requests;

static void fail(const char* what) {
  fprintf(stderr, "fib_load: %s\n", what);
  exit(EXIT_FAILURE);
}

static int connect_to(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("no connection");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static uint64_t fib(unsigned n) {
  uint64_t now = 0, next = 1;
  for (uint64_t sum; n > 0; n--) sum = now + next, now = next, next = sum;
  return now;
}

static void ask(int fd, unsigned n) {
  char line[32];
  const int length = snprintf(line, sizeof line, "%u\n", n);
  if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length) fail("a request could not be sent");
}

// An answer fits one segment. Returns false where there is none yet, with MSG_DONTWAIT in `flags`.
static bool take_answer(int fd, unsigned n, int flags) {
  char line[32], expected[32];
  const ssize_t length = recv(fd, line, sizeof line - 1, flags);
  if (length < 0 && flags != 0) return false;
  if (length <= 0) fail("the server closed a connection");
  line[length] = 0;
  snprintf(expected, sizeof expected, "%" PRIu64 "\n", fib(n));
  if (strcmp(line, expected) != 0) fail("a wrong answer");
  return true;
}

static int compare(const void* left, const void* right) {
  const double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

static double percentile_us(double part) { return latencies[(size_t)(part * (double)(requests - 1))] / 1e3; }

int main(int argc, char** argv) {
  if (argc != 3) fail("Usage: fib_load PORT N");
  const uint16_t port = (uint16_t)atoi(argv[1]);
  const unsigned n = (unsigned)atoi(argv[2]);
  const int hog = connect_to(port), quick = connect_to(port);
  ask(quick, 1), take_answer(quick, 1, 0);  // both are served
  ask(hog, 1), take_answer(hog, 1, 0);

  const double begin = now_ns();
  ask(hog, n);
  do {
    if (requests == latencies_max) fail("the long request takes too long");
    const double sent = now_ns();
    ask(quick, 1);
    take_answer(quick, 1, 0);
    latencies[requests++] = now_ns() - sent;
  } while (!take_answer(hog, n, MSG_DONTWAIT));
  const double seconds = (now_ns() - begin) / 1e9;

  qsort(latencies, requests, sizeof *latencies, compare);
  printf("hog_seconds=%.3f requests=%zu requests_per_s=%.0f p50_us=%.1f p99_us=%.1f worst_us=%.1f\n", seconds, requests,
         (double)requests / seconds, percentile_us(0.5), percentile_us(0.99), percentile_us(1));
}
