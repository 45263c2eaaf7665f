// read, write, readv, writev on pipes and sockets: results, partial results, errors.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

CASE(read) {
  int ends[2];
  open_pipe(ends);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

CASE(read_of_sockets) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(read_hello, write_hello, ends);
  close_both(ends);
  open_tcp_pair(ends);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

CASE(write) {
  int ends[2];
  open_pipe(ends);
  meet(write_large, drain_large, ends);
  close_both(ends);
}

CASE(write_to_sockets) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(write_large, drain_large, ends);
  close_both(ends);
  open_tcp_pair(ends);
  int small = 65536;  // so that the megabyte does not fit
  CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  meet(write_large, drain_large, ends);
  close_both(ends);
}

static void readv_hello(void* ends) {
  char first[3] = "", second[8] = "";
  struct iovec parts[] = {{first, 2}, {NULL, 0}, {second, 7}};
  CHECK_EQ(readv(((int*)ends)[kReadEnd], parts, 3), 5);
  CHECK_TEXT(first, "he");
  CHECK_TEXT(second, "llo");
}

CASE(readv) {
  int ends[2];
  open_pipe(ends);
  meet(readv_hello, write_hello, ends);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  meet(readv_hello, write_hello, ends);
  close_both(ends);
}

static void writev_large(void* ends) {
  struct iovec parts[] = {{large, 1}, {large + 1, 99999}, {NULL, 0}, {large + 100000, kLarge - 100000}};
  CHECK_EQ(writev(((int*)ends)[kWriteEnd], parts, 4), kLarge);
  CHECK_EQ(parts[3].iov_len, kLarge - 100000);  // the caller's vector is left as it was
  CHECK(parts[1].iov_base == large + 1);
}

CASE(writev) {
  int ends[2];
  open_pipe(ends);
  meet(writev_large, drain_large, ends);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  meet(writev_large, drain_large, ends);
  close_both(ends);
}

CASE(vectors_of_odd_counts) {
  int ends[2];
  char letters[1024] = "";
  struct iovec parts[1025];
  for (int i = 0; i < 1025; i++) parts[i] = (struct iovec){&letters[i % 1024], 1};
  open_pipe(ends);
  CHECK_FAILS(readv(ends[kReadEnd], parts, 1025), EINVAL);
  CHECK_FAILS(writev(ends[kWriteEnd], parts, 1025), EINVAL);
  volatile int negative = -1;
  CHECK_FAILS(readv(ends[kReadEnd], parts, negative), EINVAL);
  CHECK_EQ(readv(ends[kReadEnd], parts, 0), 0);
  memset(letters, 'x', sizeof letters);
  CHECK_EQ(writev(ends[kWriteEnd], parts, 1024), 1024);
  memset(letters, 0, sizeof letters);
  CHECK_EQ(readv(ends[kReadEnd], parts, 1024), 1024);
  CHECK_EQ(letters[1023], 'x');
  close_both(ends);
}

CASE(read_takes_what_is_there) {
  int ends[2];
  char text[16] = "";
  open_pipe(ends);
  write_hello(ends);
  CHECK_EQ(read(ends[kReadEnd], text, 3), 3);
  CHECK_TEXT(text, "hel");
  CHECK_EQ(read(ends[kReadEnd], text, sizeof text), 2);
  close_both(ends);
}

CASE(zero_lengths_do_not_wait) {
  int ends[2];
  char byte;
  open_pipe(ends);
  CHECK_EQ(read(ends[kReadEnd], &byte, 0), 0);
  fill(ends[kWriteEnd]);
  CHECK_EQ(write(ends[kWriteEnd], &byte, 0), 0);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(read(ends[kReadEnd], &byte, 0), 0);
  fill(ends[kWriteEnd]);
  CHECK_EQ(write(ends[kWriteEnd], &byte, 0), 0);
  close_both(ends);
}

static void read_to_the_end(void* ends) {
  char byte;
  CHECK_EQ(read(((int*)ends)[kReadEnd], &byte, 1), 0);
  CHECK_EQ(close(((int*)ends)[kReadEnd]), 0);
  open_pipe(ends);  // for the other round
}

CASE(read_until_the_end_of_file) {
  int ends[2];
  open_pipe(ends);
  meet(read_to_the_end, close_write_end, ends);
  close_both(ends);
}

CASE(nonblocking_descriptors_do_not_wait) {
  int ends[2];
  char text[16];
  for (int kind = 0; kind < 2; kind++) {
    if (kind == 0) open_pipe(ends);
    if (kind == 1) open_pair(SOCK_STREAM, ends);
    set_nonblocking(ends[kReadEnd], 1);
    CHECK_FAILS(read(ends[kReadEnd], text, sizeof text), EAGAIN);
    struct iovec part = {text, sizeof text};
    CHECK_FAILS(readv(ends[kReadEnd], &part, 1), EAGAIN);
    set_nonblocking(ends[kWriteEnd], 1);
    ssize_t taken = write(ends[kWriteEnd], large, kLarge);
    CHECK(taken > 0 && taken < kLarge);
    while (write(ends[kWriteEnd], large, 1) == 1) continue;
    CHECK_FAILS(write(ends[kWriteEnd], large, kLarge), EAGAIN);
    CHECK_FAILS(writev(ends[kWriteEnd], &part, 1), EAGAIN);
    CHECK(fcntl(ends[kReadEnd], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(ends[kWriteEnd], F_GETFL) & O_NONBLOCK);
    close_both(ends);
  }
}

static int broken_pipes;

static void count_broken_pipe(int signal) {
  (void)signal;
  __atomic_fetch_add(&broken_pipes, 1, __ATOMIC_RELAXED);
}

static void write_until_broken(void* ends) {
  int fd = ((int*)ends)[kWriteEnd];
  int before = broken_pipes;
  long capacity = fcntl(fd, F_GETPIPE_SZ);
  CHECK_EQ(write(fd, large, kLarge), capacity);  // what fitted before the reader went
  CHECK_EQ(broken_pipes, before + 1);
  CHECK_FAILS(write(fd, large, 1), EPIPE);
  CHECK_EQ(broken_pipes, before + 2);
  CHECK_EQ(close(fd), 0);
  open_pipe(ends);
}

static void close_read_end_when_full(void* argument) {
  int* ends = argument;
  struct pollfd full = {ends[kWriteEnd], POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  CHECK_EQ(close(ends[kReadEnd]), 0);
}

CASE(write_to_a_broken_pipe) {
  int ends[2];
  signal(SIGPIPE, count_broken_pipe);
  open_pipe(ends);
  meet(write_until_broken, close_read_end_when_full, ends);
  CHECK_EQ(broken_pipes, 4);
  close(ends[kReadEnd]);
  signal(SIGPIPE, SIG_IGN);
  CHECK_FAILS(write(ends[kWriteEnd], "x", 1), EPIPE);
  struct iovec part = {large, 1};
  CHECK_FAILS(writev(ends[kWriteEnd], &part, 1), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  close(ends[kWriteEnd]);
}

CASE(errors_of_descriptors) {
  int ends[2];
  char byte = 0;
  char* volatile nowhere = (char*)1;
  open_pipe(ends);
  CHECK_FAILS(read(ends[kWriteEnd], &byte, 1), EBADF);
  CHECK_FAILS(write(ends[kReadEnd], &byte, 1), EBADF);
  CHECK_FAILS(write(ends[kWriteEnd], nowhere, 1), EFAULT);
  CHECK_EQ(write(ends[kWriteEnd], "x", 1), 1);
  CHECK_FAILS(read(ends[kReadEnd], nowhere, 1), EFAULT);
  close_both(ends);
  CHECK_FAILS(read(ends[kReadEnd], &byte, 1), EBADF);
  CHECK_FAILS(write(ends[kWriteEnd], &byte, 1), EBADF);
  CHECK_FAILS(read(-1, &byte, 1), EBADF);
  CHECK_FAILS(read(1 << 30, &byte, 1), EBADF);
  int directory = open("/", O_RDONLY);
  CHECK_FAILS(read(directory, &byte, 1), EISDIR);
  close(directory);
}
