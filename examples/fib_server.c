// A TCP server with a POSIX thread per connection that answers "n\n" with the n-th Fibonacci number and "\n", computed
// the slow way. It knows nothing of evergreen.
//
//     fib_server [PORT]      0, the default, is any free port; prints which. SIGTERM and SIGINT end it.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static int send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return -1;
    if (sent > 0) bytes += sent, size -= (size_t)sent;
  }
  return 0;
}

static int answer(int fd, const char* line) {
  char text[32], *end;
  const unsigned long n = strtoul(line, &end, 10);
  if (end == line || *end != '\n' || n > 90) return -1;
  return send_all(fd, text, (size_t)snprintf(text, sizeof text, "%" PRIu64 "\n", fib((unsigned)n)));
}

static void* serve(void* argument) {
  const int fd = (int)(intptr_t)argument;
  char line[32];
  for (size_t filled = 0; filled < sizeof line;) {  // a longer line is no number that we know
    const ssize_t received = recv(fd, line + filled, sizeof line - filled, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) break;
    filled += (size_t)received;
    for (char* end; (end = memchr(line, '\n', filled));) {
      if (answer(fd, line) != 0) goto done;
      filled -= (size_t)(end + 1 - line);
      memmove(line, end + 1, filled);
    }
  }
done:
  close(fd);
  return NULL;
}

static int listener;
static void stop(int number) { (void)number, shutdown(listener, SHUT_RDWR); }  // accept then fails with EINVAL

static int listen_on(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&address, size) != 0 || listen(fd, 1024) != 0) {
    perror("fib_server: listen");
    exit(EXIT_FAILURE);
  }
  getsockname(fd, (struct sockaddr*)&address, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char** argv) {
  const int on = 1;
  listener = listen_on(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
      if (errno == EINVAL) return EXIT_SUCCESS;
      if (errno != EINTR && errno != ECONNABORTED) usleep(10000);  // no descriptors, no memory: soon there may be
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, serve, (void*)(intptr_t)fd);
    if (error == 0) pthread_detach(thread);
    if (error != 0) fprintf(stderr, "fib_server: no thread for a connection: %s\n", strerror(error)), close(fd);
  }
}
