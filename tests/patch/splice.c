// splice, tee and vmsplice: between pipes, files and sockets.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

struct Way {
  int from[2], to[2];
};

static void open_kind(int kind, int ends[2]) {
  if (kind == 0) open_pipe(ends);
  if (kind == 1) open_pair(SOCK_STREAM, ends);
  if (kind == 2) open_tcp_pair(ends);
}

static void close_way(struct Way* way) {
  close_both(way->from);
  close_both(way->to);
}

static void read_text(int fd, const char* expected) {
  char text[16] = "";
  CHECK_EQ(read(fd, text, sizeof text), (ssize_t)strlen(expected));
  CHECK_TEXT(text, expected);
}

static void splice_hello(void* argument) {
  struct Way* way = argument;
  errno = ENOTTY;
  CHECK_EQ(splice(way->from[kReadEnd], NULL, way->to[kWriteEnd], NULL, 1000, 0), 5);
  CHECK_EQ(errno, ENOTTY);
  read_text(way->to[kReadEnd], "hello");
  check_blocking(way->from[kReadEnd]);
  check_blocking(way->to[kWriteEnd]);
}

static void write_into_way(void* way) { write_hello(((struct Way*)way)->from); }

// To a full pipe or socket: waits for room.
static void splice_to_full(void* argument) {
  struct Way* way = argument;
  write_hello(way->from);
  CHECK_EQ(splice(way->from[kReadEnd], NULL, way->to[kWriteEnd], NULL, 1000, SPLICE_F_MOVE), 5);
  CHECK_EQ(close(way->to[kWriteEnd]), 0);
}

static size_t held;  // by the full one

static void drain_way(void* argument) {
  struct Way* way = argument;
  usleep(1000);
  char byte;
  drain(way->to[kReadEnd], held);
  read_text(way->to[kReadEnd], "hello");
  CHECK_EQ(read(way->to[kReadEnd], &byte, 1), 0);
  CHECK_EQ(close(way->to[kReadEnd]), 0);
  open_pipe(way->to);
  held = fill(way->to[kWriteEnd]);
}

CASE(splice) {
  struct Way way;
  for (int kinds = 0; kinds < 9; kinds++) {
    if (kinds / 3 != 0 && kinds % 3 != 0) continue;  // one is a pipe
    open_kind(kinds / 3, way.from);
    open_kind(kinds % 3, way.to);
    meet(splice_hello, write_into_way, &way);
    close_way(&way);
  }
}

CASE(splice_to_full_pipes) {
  struct Way way;
  for (int kind = 0; kind < 3; kind++) {
    open_kind(kind, way.from);
    open_pipe(way.to);
    held = fill(way.to[kWriteEnd]);
    meet(splice_to_full, drain_way, &way);
    close_way(&way);
  }
}

static void splice_to_full_socket(void* argument) {
  struct Way* way = argument;
  write_hello(way->from);
  CHECK_EQ(splice(way->from[kReadEnd], NULL, way->to[kWriteEnd], NULL, 9, 0), 5);
}

static void drain_socket(void* argument) {
  struct Way* way = argument;
  usleep(1000);
  drain(way->to[kReadEnd], held);
  read_text(way->to[kReadEnd], "hello");
  held = fill(way->to[kWriteEnd]);
}

CASE(splice_to_full_sockets) {
  struct Way way;
  open_pipe(way.from);
  open_pair(SOCK_STREAM, way.to);
  held = fill(way.to[kWriteEnd]);
  meet(splice_to_full_socket, drain_socket, &way);
  close_way(&way);
}

static void splice_file(void* argument) {
  struct Way* way = argument;
  off_t offset = 3;
  int file = memfd_create("evergreen", 0);
  CHECK_EQ(write(file, "lo hello", 8), 8);
  CHECK_EQ(splice(file, &offset, way->to[kWriteEnd], NULL, 1000, 0), 5);
  CHECK_EQ(offset, 8);
  CHECK_EQ(close(way->to[kWriteEnd]), 0);
  close(file);
}

CASE(splice_of_files_to_full_pipes) {
  struct Way way;
  open_pipe(way.to);
  held = fill(way.to[kWriteEnd]);
  meet(splice_file, drain_way, &way);
  close_both(way.to);
}

static void splice_to_file(void* argument) {
  struct Way* way = argument;
  off_t offset = 10;
  int file = memfd_create("evergreen", 0);
  CHECK_EQ(splice(way->from[kReadEnd], NULL, file, &offset, 1000, 0), 5);
  CHECK_EQ(offset, 15);
  CHECK_EQ(lseek(file, 10, SEEK_SET), 10);
  read_text(file, "hello");
  close(file);
}

CASE(splice_to_files) {
  struct Way way;
  open_pipe(way.from);
  meet(splice_to_file, write_into_way, &way);
  close_both(way.from);
}

static void tee_hello(void* argument) {
  struct Way* way = argument;
  errno = ENOTTY;
  CHECK_EQ(tee(way->from[kReadEnd], way->to[kWriteEnd], 1000, 0), 5);
  CHECK_EQ(errno, ENOTTY);
  read_text(way->to[kReadEnd], "hello");
  read_text(way->from[kReadEnd], "hello");
}

static void tee_to_full(void* argument) {
  struct Way* way = argument;
  write_hello(way->from);
  CHECK_EQ(tee(way->from[kReadEnd], way->to[kWriteEnd], 1000, 0), 5);
  read_text(way->from[kReadEnd], "hello");
  CHECK_EQ(close(way->to[kWriteEnd]), 0);
}

CASE(tee) {
  struct Way way;
  open_pipe(way.from);
  open_pipe(way.to);
  meet(tee_hello, write_into_way, &way);
  held = fill(way.to[kWriteEnd]);
  meet(tee_to_full, drain_way, &way);
  close_way(&way);
}

static void vmsplice_to_full(void* argument) {
  struct Way* way = argument;
  struct iovec part = {"hello", 5};  // one: it may find room for no more
  errno = ENOTTY;
  CHECK_EQ(vmsplice(way->to[kWriteEnd], &part, 1, 0), 5);
  CHECK_EQ(errno, ENOTTY);
  CHECK_EQ(close(way->to[kWriteEnd]), 0);
}

static void vmsplice_from(void* argument) {
  char text[16] = "";
  struct iovec part = {text, sizeof text};
  CHECK_EQ(vmsplice(((struct Way*)argument)->from[kReadEnd], &part, 1, 0), 5);
  CHECK_TEXT(text, "hello");
}

CASE(vmsplice) {
  struct Way way;
  open_pipe(way.from);
  open_pipe(way.to);
  meet(vmsplice_from, write_into_way, &way);
  held = fill(way.to[kWriteEnd]);
  meet(vmsplice_to_full, drain_way, &way);
  close_way(&way);
}

static void splice_to_the_end(void* argument) {
  struct Way* way = argument;
  CHECK_EQ(splice(way->from[kReadEnd], NULL, way->to[kWriteEnd], NULL, 1000, 0), 0);
  CHECK_EQ(close(way->from[kReadEnd]), 0);
  open_pair(SOCK_STREAM, way->from);
}

static void end_way(void* way) { close_write_end(((struct Way*)way)->from); }

CASE(splice_until_the_end_of_file) {
  struct Way way;
  open_pipe(way.from);
  open_pipe(way.to);
  meet(splice_to_the_end, end_way, &way);
  close_way(&way);
}

static void* do_not_wait(void* unused) {
  struct Way way;
  struct iovec part = {large, kLarge};
  char byte;
  open_pipe(way.from);
  open_pipe(way.to);
  const int in = way.from[kReadEnd], out = way.to[kWriteEnd];
  CHECK_FAILS(splice(in, NULL, out, NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_FAILS(tee(in, out, 10, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_FAILS(vmsplice(in, &(struct iovec){&byte, 1}, 1, SPLICE_F_NONBLOCK), EAGAIN);
  set_nonblocking(in, 1);
  CHECK_FAILS(splice(in, NULL, out, NULL, 10, 0), EAGAIN);
  CHECK_FAILS(tee(in, out, 10, 0), EAGAIN);
  const ssize_t taken = vmsplice(out, &part, 1, 0);
  CHECK(taken > 0 && taken <= fcntl(out, F_GETPIPE_SZ));
  drain_pattern(way.to[kReadEnd], (size_t)taken);
  CHECK_EQ(splice(in, NULL, out, NULL, 0, 0), 0);
  const struct timeval soon = {0, 20000};
  int pair[2];
  open_pair(SOCK_STREAM, pair);
  CHECK_EQ(setsockopt(pair[kReadEnd], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
  CHECK_FAILS(splice(pair[kReadEnd], NULL, out, NULL, 10, 0), EAGAIN);
  set_nonblocking(pair[kReadEnd], 1);
  CHECK_FAILS(splice(pair[kReadEnd], NULL, out, NULL, 10, 0), EAGAIN);
  close_both(pair);
  close_way(&way);
  return unused;
}

CASE(what_does_not_wait) { join(start(do_not_wait, do_not_wait(NULL))); }

static void check_pipes_only(struct Way* way, int socket, int file) {
  struct iovec* volatile no_parts = (struct iovec*)8;
  struct iovec part = {(void*)8, 10};
  const int in = way->from[kReadEnd], out = way->to[kWriteEnd];
  CHECK_FAILS(tee(in, way->from[kWriteEnd], 10, 0), EINVAL);
  CHECK_FAILS(tee(in, file, 10, 0), EINVAL);
  CHECK_FAILS(tee(socket, out, 10, 0), EINVAL);
  CHECK_FAILS(tee(-1, out, 10, 0), EBADF);
  CHECK_FAILS(vmsplice(out, &part, 1, 0), EFAULT);
  CHECK_FAILS(vmsplice(out, no_parts, 1, 0), EFAULT);
  CHECK_FAILS(vmsplice(socket, &part, 1, 0), EBADF);
  CHECK_FAILS(vmsplice(out, &part, 1, 1 << 20), EINVAL);
  CHECK_EQ(vmsplice(out, &part, 0, 0), 0);
}

static void* do_wrongly(void* unused) {
  struct Way way, sockets;
  off_t offset = 0;
  off_t* volatile nowhere = (off_t*)8;
  open_pipe(way.from);
  open_pipe(way.to);
  open_pair(SOCK_STREAM, sockets.from);
  open_tcp_pair(sockets.to);
  const int in = way.from[kReadEnd], out = way.to[kWriteEnd], in_socket = sockets.from[0], out_socket = sockets.to[0];
  int file = memfd_create("evergreen", 0);
  CHECK_EQ(write(file, "hello", 5), 5);
  CHECK_FAILS(splice(-1, NULL, out, NULL, 10, 0), EBADF);
  CHECK_FAILS(splice(in, NULL, -1, NULL, 10, 0), EBADF);
  CHECK_FAILS(splice(way.from[kWriteEnd], NULL, out, NULL, 10, 0), EBADF);
  CHECK_FAILS(splice(in_socket, NULL, way.to[kReadEnd], NULL, 10, 0), EBADF);
  CHECK_FAILS(splice(in_socket, NULL, out_socket, NULL, 10, 0), EINVAL);
  CHECK_FAILS(splice(in, &offset, out, NULL, 10, 0), ESPIPE);
  CHECK_FAILS(splice(in_socket, NULL, out, &offset, 10, 0), ESPIPE);
  CHECK_FAILS(splice(file, nowhere, out, NULL, 10, 0), EFAULT);
  CHECK_FAILS(splice(in, NULL, out, NULL, 10, 1 << 20), EINVAL);
  CHECK_FAILS(splice(in_socket, NULL, out, NULL, 10, 1 << 20), EINVAL);
  CHECK_FAILS(splice(in, NULL, way.from[kWriteEnd], NULL, 10, 0), EINVAL);
  check_pipes_only(&way, in_socket, file);
  signal(SIGPIPE, SIG_IGN);
  CHECK_EQ(close(way.to[kReadEnd]), 0);
  CHECK_FAILS(splice(in_socket, NULL, out, NULL, 10, 0), EPIPE);  // nothing there to be read
  CHECK_FAILS(splice(file, &offset, out, NULL, 10, 0), EPIPE);
  CHECK_FAILS(vmsplice(out, &(struct iovec){large, 1}, 1, 0), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  way.to[kReadEnd] = file;
  close_way(&way);
  close_way(&sockets);
  return unused;
}

CASE(errors) { join(start(do_wrongly, do_wrongly(NULL))); }
