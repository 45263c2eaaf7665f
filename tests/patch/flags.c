// Whether a call waits is a matter of the open file, not of the number it has just now: O_NONBLOCK and timeouts set in
// any way, on any of its numbers, by any process, hold for all; and end when a number gets another file.
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static void check_does_not_wait(int fd) {
  uint64_t value;
  CHECK_FAILS(read(fd, &value, sizeof value), EAGAIN);
}

static void read_byte(void* ends) {
  char byte = 0;
  CHECK_EQ(read(((int*)ends)[kReadEnd], &byte, 1), 1);
  CHECK_EQ(byte, 'x');
}

static void write_byte(void* ends) { CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1); }

static void check_waits(int ends[2]) {
  check_blocking(ends[kReadEnd]);
  meet(read_byte, write_byte, ends);
}

static void open_kind(int kind, int ends[2]) {
  if (kind == 0) open_pipe(ends);
  if (kind == 1) open_pair(SOCK_STREAM, ends);
  if (kind == 2) open_tcp_pair(ends);
}

enum { kKinds = 3 };

CASE(fcntl) {
  int ends[2];
  for (int kind = 0; kind < kKinds; kind++) {
    open_kind(kind, ends);
    for (int i = 0; i < 3; i++) {
      check_waits(ends);
      set_nonblocking(ends[kReadEnd], 1);
      check_does_not_wait(ends[kReadEnd]);
      set_nonblocking(ends[kReadEnd], 0);
    }
    close_both(ends);
  }
}

CASE(ioctl) {
  int ends[2], on = 1, off = 0, unread = -1;
  for (int kind = 0; kind < kKinds; kind++) {
    open_kind(kind, ends);
    check_waits(ends);
    CHECK_EQ(ioctl(ends[kReadEnd], FIONBIO, &on), 0);
    check_does_not_wait(ends[kReadEnd]);
    CHECK(fcntl(ends[kReadEnd], F_GETFL) & O_NONBLOCK);
    CHECK_EQ(ioctl(ends[kReadEnd], FIONBIO, &off), 0);
    check_waits(ends);
    write_byte(ends);
    CHECK_EQ(ioctl(ends[kReadEnd], FIONREAD, &unread), 0);
    CHECK_EQ(unread, 1);
    close_both(ends);
  }
}

static int opened_fifo(void) {
  char directory[] = "/tmp/evergreen-flags-XXXXXX", name[64];
  CHECK(mkdtemp(directory));
  snprintf(name, sizeof name, "%s/fifo", directory);
  CHECK_EQ(mkfifo(name, 0600), 0);
  int fd = open(name, O_RDWR | O_NONBLOCK);
  unlink(name);
  rmdir(directory);
  return fd;
}

CASE(descriptors_born_nonblocking) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
  int others[] = {eventfd(0, EFD_NONBLOCK), timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), opened_fifo(),
                  socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
  for (int i = 0; i < 4; i++) {
    check_does_not_wait(others[i]);
    close(others[i]);
  }
}

CASE(accepted_descriptors_do_not_inherit) {
  struct sockaddr_in address;
  int ends[2];
  int listener = tcp_listener(5, &address);
  set_nonblocking(listener, 1);
  ends[kWriteEnd] = tcp_connected(&address);
  struct pollfd readable = {listener, POLLIN, 0};
  CHECK_EQ(poll(&readable, 1, -1), 1);
  ends[kReadEnd] = accept(listener, NULL, NULL);
  check_waits(ends);
  close_both(ends);
  ends[kWriteEnd] = tcp_connected(&address);
  CHECK_EQ(poll(&readable, 1, -1), 1);
  ends[kReadEnd] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
  close(listener);
}

CASE(numbers_of_one_file_share_the_flag) {
  int ends[2];
  for (int kind = 0; kind < kKinds; kind++) {
    open_kind(kind, ends);
    check_waits(ends);
    int others[] = {dup(ends[kReadEnd]), fcntl(ends[kReadEnd], F_DUPFD, 50), fcntl(ends[kReadEnd], F_DUPFD_CLOEXEC, 60),
                    dup2(ends[kReadEnd], 70), dup3(ends[kReadEnd], 80, O_CLOEXEC)};
    for (int i = 0; i < 5; i++) {
      meet(read_byte, write_byte, (int[]){others[i], ends[kWriteEnd]});
      set_nonblocking(others[i], 1);
      check_does_not_wait(ends[kReadEnd]);
      for (int k = 0; k < 5; k++) check_does_not_wait(others[k]);
      set_nonblocking(ends[kReadEnd], 0);
      meet(read_byte, write_byte, (int[]){others[i], ends[kWriteEnd]});
    }
    for (int i = 0; i < 5; i++) close(others[i]);
    close_both(ends);
  }
}

CASE(another_process_sets_the_flag) {
  int ends[2], status;
  open_pair(SOCK_STREAM, ends);
  check_waits(ends);
  pid_t child = fork();
  if (child == 0) {
    set_nonblocking(ends[kReadEnd], 1);
    _exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
}

static int pass_descriptor(int over[2], int fd) {
  char byte = 'd';
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  CHECK_EQ(sendmsg(over[kWriteEnd], &message, 0), 1);
  CHECK_EQ(recvmsg(over[kReadEnd], &message, 0), 1);
  int passed;
  memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
  return passed;
}

CASE(descriptors_passed_over_a_socket) {
  int over[2], ends[2];
  open_pair(SOCK_STREAM, over);
  open_pipe(ends);
  int number = pass_descriptor(over, ends[kReadEnd]);
  meet(read_byte, write_byte, (int[]){number, ends[kWriteEnd]});
  close(number);
  set_nonblocking(ends[kReadEnd], 1);
  CHECK_EQ(pass_descriptor(over, ends[kReadEnd]), number);
  check_does_not_wait(number);
  close(number);
  close_both(ends);
  close_both(over);
}

static void check_waits_at(int number) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(dup2(ends[kReadEnd], number), number);
  meet(read_byte, write_byte, (int[]){number, ends[kWriteEnd]});
  close_both(ends);
}

CASE(closefrom) {
  enum { kFirst = 500 };
  check_waits_at(kFirst);
  check_waits_at(kFirst + 20);
  for (int i = 0; i < 3; i++) {
    set_nonblocking(kFirst, 1);
    set_nonblocking(kFirst + 20, 1);
    closefrom(kFirst);
    CHECK_FAILS(fcntl(kFirst + 20, F_GETFD), EBADF);
    check_waits_at(kFirst);
    check_waits_at(kFirst + 20);
  }
  CHECK_EQ(close_range(kFirst, ~0U, 0), 0);
  CHECK_FAILS(fcntl(kFirst, F_GETFD), EBADF);
}

CASE(the_flag_ends_with_the_file) {
  int ends[2], next[2];
  for (int way = 0; way < 4; way++) {
    open_pair(SOCK_STREAM, ends);
    set_nonblocking(ends[kReadEnd], 1);
    check_does_not_wait(ends[kReadEnd]);
    if (way == 0) CHECK_EQ(close(ends[kReadEnd]), 0);
    if (way == 1) CHECK_EQ(fclose(fdopen(ends[kReadEnd], "r")), 0);
    if (way == 2) CHECK_EQ(close_range((unsigned)ends[kReadEnd], (unsigned)ends[kReadEnd], 0), 0);
    if (way < 3) {
      close(ends[kWriteEnd]);
      open_pair(SOCK_STREAM, next);
      CHECK_EQ(next[kReadEnd], ends[kReadEnd]);
      check_waits(next);
    } else {
      open_pair(SOCK_STREAM, next);
      CHECK_EQ(dup2(next[kReadEnd], ends[kReadEnd]), ends[kReadEnd]);
      check_waits((int[]){ends[kReadEnd], next[kWriteEnd]});
      close_both(ends);
    }
    close_both(next);
  }
}

FILE* plain_freopen(const char*, const char*, FILE*) __asm__("freopen");
FILE* large_freopen(const char*, const char*, FILE*) __asm__("freopen64");

static void check_reopening(FILE* (*reopen)(const char*, const char*, FILE*)) {
  int ends[2];
  char name[64];
  int fifo = opened_fifo();
  set_nonblocking(fifo, 0);
  snprintf(name, sizeof name, "/proc/self/fd/%d", fifo);
  open_pair(SOCK_STREAM, ends);
  set_nonblocking(ends[kReadEnd], 1);
  check_does_not_wait(ends[kReadEnd]);
  FILE* stream = reopen(name, "r+", fdopen(ends[kReadEnd], "r+"));
  CHECK(stream);
  CHECK_EQ(fileno(stream), ends[kReadEnd]);
  check_waits((int[]){ends[kReadEnd], fifo});
  CHECK_EQ(fclose(stream), 0);
  close(fifo);
  close(ends[kWriteEnd]);
}

CASE(freopen) { check_reopening(plain_freopen); }
CASE(freopen64) { check_reopening(large_freopen); }

CASE(pclose) {
  int next[2];
  FILE* stream = popen("sleep 1", "r");
  CHECK(stream);
  int number = fileno(stream);
  set_nonblocking(number, 1);
  check_does_not_wait(number);
  CHECK_EQ(pclose(stream), 0);
  open_pair(SOCK_STREAM, next);
  CHECK_EQ(next[kReadEnd], number);
  check_waits(next);
  close_both(next);
}

static void set_timeout(int fd, long milliseconds) {
  struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
}

CASE(setsockopt) {
  int ends[2];
  struct timeval left = {-1, -1};
  socklen_t size = sizeof left;
  open_pair(SOCK_STREAM, ends);
  check_waits(ends);
  int other = dup(ends[kReadEnd]);
  set_timeout(other, 20);
  check_does_not_wait(ends[kReadEnd]);  // after 20 ms
  CHECK_EQ(getsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVTIMEO, &left, &size), 0);
  CHECK(left.tv_sec == 0 && left.tv_usec == 20000);
  set_timeout(ends[kReadEnd], 0);  // for ever
  meet(read_byte, write_byte, (int[]){other, ends[kWriteEnd]});
  struct timeval wrong = {0, 1000000};
  CHECK_FAILS(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVTIMEO, &wrong, sizeof wrong), EDOM);
  CHECK_FAILS(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVTIMEO, &wrong, 3), EINVAL);
  close(other);
  close_both(ends);
}

CASE(the_timeout_ends_with_the_file) {
  int ends[2], next[2];
  open_pair(SOCK_STREAM, ends);
  set_timeout(ends[kReadEnd], 20);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
  open_pair(SOCK_STREAM, next);
  CHECK_EQ(next[kReadEnd], ends[kReadEnd]);
  check_waits(next);
  close_both(next);
}

CASE(another_process_sets_the_timeout) {
  int ends[2], status;
  open_pair(SOCK_STREAM, ends);
  check_waits(ends);
  pid_t child = fork();
  if (child == 0) {
    set_timeout(ends[kReadEnd], 20);
    _exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  check_does_not_wait(ends[kReadEnd]);
  close_both(ends);
}
