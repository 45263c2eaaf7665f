// sendfile from a file to sockets, pipes and files.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

ssize_t plain_sendfile(int, int, off_t*, size_t) __asm__("sendfile");
ssize_t large_sendfile(int, int, off_t*, size_t) __asm__("sendfile64");

typedef ssize_t Sender(int, int, off_t*, size_t);
static Sender* sender = plain_sendfile;
static int file = -1;  // holds `large`

static void make_file(void) {
  file = memfd_create("evergreen", 0);
  CHECK_EQ(write(file, large, kLarge), kLarge);
  CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
}

static void in_threads(void* (*run)(void*)) {
  make_file();
  join(start(run, NULL));
  run(NULL);
  close(file);
}

static void send_by_position(void* ends) {
  errno = ENOTTY;
  CHECK_EQ(sender(((int*)ends)[kWriteEnd], file, NULL, kLarge), kLarge);
  CHECK_EQ(errno, ENOTTY);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), kLarge);
  CHECK_EQ(sender(((int*)ends)[kWriteEnd], file, NULL, kLarge), 0);
  CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
  check_blocking(((int*)ends)[kWriteEnd]);
}

static void send_by_offset(void* ends) {
  off_t offset = 1000;
  CHECK_EQ(lseek(file, 77, SEEK_SET), 77);
  CHECK_EQ(sender(((int*)ends)[kWriteEnd], file, &offset, 2 * kLarge), kLarge - 1000);  // all there is
  CHECK_EQ(offset, kLarge);
  CHECK_EQ(lseek(file, 0, SEEK_CUR), 77);
  offset = 0;
  CHECK_EQ(sender(((int*)ends)[kWriteEnd], file, &offset, 1000), 1000);
  CHECK_EQ(offset, 1000);
}

static void drain_shifted(void* ends) {
  check_blocking(((int*)ends)[kWriteEnd]);
  static unsigned char got[kLarge];
  read_exactly(((int*)ends)[kReadEnd], got, kLarge);
  CHECK_EQ(memcmp(got, large + 1000, kLarge - 1000), 0);
  CHECK_EQ(memcmp(got + kLarge - 1000, large, 1000), 0);
}

static void send_to_sockets(Sender* by) {
  int ends[2], small = 65536;  // so that the megabyte does not fit
  sender = by;
  make_file();
  for (int kind = 0; kind < 2; kind++) {
    kind == 0 ? open_pair(SOCK_STREAM, ends) : open_tcp_pair(ends);
    CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    meet(send_by_position, drain_large, ends);
    meet(send_by_offset, drain_shifted, ends);
    close_both(ends);
  }
  close(file);
}

CASE(sendfile) { send_to_sockets(plain_sendfile); }
CASE(sendfile64) { send_to_sockets(large_sendfile); }

static void send_to_full_pipe(void* ends) {
  off_t offset = 0;
  const int fd = ((int*)ends)[kWriteEnd];
  const size_t capacity = fill(fd);
  const ssize_t sent = plain_sendfile(fd, file, &offset, kLarge);
  CHECK(sent > 0 && (size_t)sent <= capacity);  // what had become free by then
  CHECK_EQ(offset, sent);
  CHECK_EQ(close(fd), 0);
}

static void empty_pipe(void* argument) {
  int* ends = argument;
  struct pollfd full = {ends[kWriteEnd], POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  static unsigned char bytes[kLarge];
  size_t got = 0;
  ssize_t n;
  while ((n = read(ends[kReadEnd], bytes + got, sizeof bytes - got)) > 0) got += (size_t)n;
  CHECK_EQ(n, 0);
  CHECK(got > 65536);
  CHECK_EQ(memcmp(bytes + 65536, large, got - 65536), 0);  // after what fill() wrote
  CHECK_EQ(close(ends[kReadEnd]), 0);
  open_pipe(ends);
}

CASE(full_pipes) {
  int ends[2];
  make_file();
  open_pipe(ends);
  meet(send_to_full_pipe, empty_pipe, ends);
  close_both(ends);
  close(file);
}

static void* send_without_waiting(void* unused) {
  int ends[2];
  off_t offset = 0;
  open_pipe(ends);
  CHECK_EQ(plain_sendfile(ends[kWriteEnd], file, &offset, kLarge), fcntl(ends[kWriteEnd], F_GETPIPE_SZ));
  drain_pattern(ends[kReadEnd], (size_t)offset);
  fill(ends[kWriteEnd]);
  set_nonblocking(ends[kWriteEnd], 1);
  CHECK_FAILS(plain_sendfile(ends[kWriteEnd], file, &offset, 10), EAGAIN);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  set_nonblocking(ends[kWriteEnd], 1);
  const ssize_t sent = plain_sendfile(ends[kWriteEnd], file, NULL, kLarge);
  CHECK(sent > 0 && sent < kLarge);
  CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
  CHECK_FAILS(plain_sendfile(ends[kWriteEnd], file, NULL, kLarge), EAGAIN);
  close_both(ends);
  int other = memfd_create("other", 0);
  offset = 10;
  CHECK_EQ(plain_sendfile(other, file, &offset, 1000), 1000);
  CHECK_EQ(lseek(other, 0, SEEK_CUR), 1000);
  close(other);
  return unused;
}

CASE(what_does_not_wait) { in_threads(send_without_waiting); }

static void* send_until_the_timeout(void* unused) {
  int ends[2];
  const struct timeval soon = {0, 20000};
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
  off_t offset = 0;
  const ssize_t sent = plain_sendfile(ends[kWriteEnd], file, &offset, kLarge);
  CHECK(sent > 0 && sent < kLarge);
  CHECK_EQ(offset, sent);
  CHECK_FAILS(plain_sendfile(ends[kWriteEnd], file, &offset, kLarge), EAGAIN);
  CHECK_EQ(offset, sent);
  close_both(ends);
  return unused;
}

CASE(timeouts) { in_threads(send_until_the_timeout); }

static int broken_pipes;

static void count_broken_pipe(int signal) {
  (void)signal;
  __atomic_fetch_add(&broken_pipes, 1, __ATOMIC_RELAXED);
}

static void send_until_broken(void* ends) {
  off_t offset = 0;
  const int fd = ((int*)ends)[kWriteEnd];
  const ssize_t sent = plain_sendfile(fd, file, &offset, kLarge);
  CHECK(sent > 0 && sent < kLarge);
  CHECK_EQ(offset, sent);
  CHECK_EQ(broken_pipes, 0);
  CHECK_FAILS(plain_sendfile(fd, file, &offset, kLarge), EPIPE);
  CHECK_EQ(broken_pipes, 1);
  broken_pipes = 0;
  CHECK_EQ(close(fd), 0);
  open_pair(SOCK_STREAM, ends);
}

static void close_read_end_when_full(void* argument) {
  int* ends = argument;
  struct pollfd full = {ends[kWriteEnd], POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  usleep(1000);
  CHECK_EQ(close(ends[kReadEnd]), 0);
}

CASE(broken_connections) {
  int ends[2];
  signal(SIGPIPE, count_broken_pipe);
  make_file();
  open_pair(SOCK_STREAM, ends);
  meet(send_until_broken, close_read_end_when_full, ends);
  close_both(ends);
  close(file);
  signal(SIGPIPE, SIG_DFL);
}

static void* send_wrongly(void* unused) {
  int ends[2], pipes[2];
  off_t offset = 0, negative = -1;
  off_t* volatile nowhere = (off_t*)8;
  int directory = open("/", O_RDONLY | O_DIRECTORY), append = open("/dev/null", O_WRONLY | O_APPEND);
  open_pipe(pipes);
  open_pair(SOCK_STREAM, ends);
  const int fd = ends[kWriteEnd];
  for (int full = 0; full < 2; full++) {
    CHECK_FAILS(plain_sendfile(fd, -1, NULL, 10), EBADF);
    CHECK_FAILS(plain_sendfile(fd, file, nowhere, 10), EFAULT);
    CHECK_FAILS(plain_sendfile(fd, directory, &offset, 10), EINVAL);
    CHECK_FAILS(plain_sendfile(fd, pipes[kReadEnd], NULL, 10), EINVAL);
    CHECK_FAILS(plain_sendfile(fd, pipes[kReadEnd], &offset, 10), ESPIPE);
    CHECK_FAILS(plain_sendfile(fd, append, NULL, 10), EBADF);
    CHECK_EQ(plain_sendfile(fd, file, &offset, 0), 0);
    if (full == 0) CHECK_FAILS(plain_sendfile(fd, file, &negative, 10), EINVAL);
    if (full == 0) fill(fd);
  }
  CHECK_FAILS(plain_sendfile(-1, file, NULL, 10), EBADF);
  CHECK_FAILS(plain_sendfile(pipes[kReadEnd], file, NULL, 10), EBADF);
  CHECK_FAILS(plain_sendfile(append, file, NULL, 10), EINVAL);
  int unconnected = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGPIPE, SIG_IGN);
  CHECK_FAILS(plain_sendfile(unconnected, file, NULL, 10), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  close(unconnected);
  close(directory);
  close(append);
  close_both(ends);
  close_both(pipes);
  return unused;
}

CASE(errors) { in_threads(send_wrongly); }
