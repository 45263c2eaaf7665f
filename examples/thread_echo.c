// A TCP echo server with a POSIX thread per connection. It knows nothing of evergreen.
//
//     thread_echo [PORT]      0, the default, is any free port; prints which. SIGTERM and SIGINT end it.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return -1;
    if (sent > 0) bytes += sent, size -= (size_t)sent;
  }
  return 0;
}

static void* serve(void* argument) {
  const int fd = (int)(intptr_t)argument;
  char buffer[4096];
  for (;;) {
    const ssize_t received = recv(fd, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0 || send_all(fd, buffer, (size_t)received) != 0) break;
  }
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
  if (bind(fd, (struct sockaddr*)&address, size) != 0 || listen(fd, 16384) != 0) {
    perror("thread_echo: listen");
    exit(EXIT_FAILURE);
  }
  getsockname(fd, (struct sockaddr*)&address, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char** argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
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
    if (error != 0) fprintf(stderr, "thread_echo: no thread for a connection: %s\n", strerror(error)), close(fd);
  }
}
