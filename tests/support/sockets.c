#include "tests/support/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/support/case.h"

void open_pipe(int ends[2]) { CHECK_EQ(pipe(ends), 0); }

void open_pair(int type, int ends[2]) { CHECK_EQ(socketpair(AF_UNIX, type, 0, ends), 0); }

void open_tcp_pair(int ends[2]) {
  struct sockaddr_in address;
  int listener = tcp_listener(1, &address);
  ends[0] = tcp_connected(&address);
  ends[1] = accept(listener, NULL, NULL);
  CHECK(ends[1] >= 0);
  close(listener);
}

void open_slow_tcp_pair(int ends[2]) {
  int bytes = 50000;
  open_tcp_pair(ends);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    CHECK_EQ(setsockopt(ends[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  }
}

void close_both(int ends[2]) {
  CHECK_EQ(close(ends[0]), 0);
  CHECK_EQ(close(ends[1]), 0);
}

static int bound(int type, struct sockaddr_in* address) {
  int fd = socket(AF_INET, type, 0);
  CHECK(fd >= 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof *address;
  CHECK_EQ(bind(fd, (struct sockaddr*)address, size), 0);
  CHECK_EQ(getsockname(fd, (struct sockaddr*)address, &size), 0);
  return fd;
}

int tcp_listener(int backlog, struct sockaddr_in* address) {
  int fd = bound(SOCK_STREAM, address);
  CHECK_EQ(listen(fd, backlog), 0);
  return fd;
}

int tcp_connected(const struct sockaddr_in* address) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ(connect(fd, (const struct sockaddr*)address, sizeof *address), 0);
  return fd;
}

int udp_bound(struct sockaddr_in* address) { return bound(SOCK_DGRAM, address); }

void check_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  CHECK(flags >= 0);
  CHECK(!(flags & O_NONBLOCK));
}

void set_nonblocking(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  CHECK(flags >= 0);
  CHECK_EQ(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), 0);
}

size_t fill(int fd) {
  static const char zeros[4096];
  size_t total = 0;
  set_nonblocking(fd, 1);
  for (;;) {
    ssize_t n = write(fd, zeros, sizeof zeros);
    if (n < 0) break;
    total += (size_t)n;
  }
  CHECK_EQ(errno, EAGAIN);
  set_nonblocking(fd, 0);
  return total;
}

void read_exactly(int fd, void* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, (char*)buffer + done, size - done);
    CHECK(n > 0);
    done += (size_t)n;
  }
}

void drain(int fd, size_t bytes) {
  char buffer[4096];
  while (bytes > 0) {
    size_t size = bytes < sizeof buffer ? bytes : sizeof buffer;
    read_exactly(fd, buffer, size);
    bytes -= size;
  }
}

unsigned char large[kLarge];

__attribute__((constructor)) static void fill_large(void) {
  for (size_t i = 0; i < kLarge; i++) large[i] = (unsigned char)(i * 7 + i / 251);
}

void drain_pattern(int fd, size_t bytes) {
  unsigned char buffer[10000];
  size_t done = 0;
  while (done < bytes) {
    size_t size = bytes - done < sizeof buffer ? bytes - done : sizeof buffer;
    ssize_t n = read(fd, buffer, size);
    CHECK(n > 0);
    CHECK_EQ(memcmp(buffer, large + done, (size_t)n), 0);
    done += (size_t)n;
  }
}

void read_hello(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  char text[16] = "";
  check_blocking(fd);
  CHECK_EQ(read(fd, text, sizeof text), 5);
  check_blocking(fd);
  CHECK_TEXT(text, "hello");
}

void write_hello(void* ends) {
  check_blocking(((int*)ends)[kReadEnd]);
  check_blocking(((int*)ends)[kWriteEnd]);
  CHECK_EQ(write(((int*)ends)[kWriteEnd], "hello", 5), 5);
}

void write_large(void* ends) {
  int fd = ((int*)ends)[kWriteEnd];
  CHECK_EQ(write(fd, large, kLarge), kLarge);
  check_blocking(fd);
}

void drain_large(void* ends) {
  check_blocking(((int*)ends)[kReadEnd]);
  check_blocking(((int*)ends)[kWriteEnd]);
  drain_pattern(((int*)ends)[kReadEnd], kLarge);
}

void close_read_end(void* ends) { CHECK_EQ(close(((int*)ends)[kReadEnd]), 0); }
void close_write_end(void* ends) { CHECK_EQ(close(((int*)ends)[kWriteEnd]), 0); }
void shut_down_writing(void* ends) { CHECK_EQ(shutdown(((int*)ends)[kWriteEnd], SHUT_WR), 0); }
