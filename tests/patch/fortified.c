// What a program built with -O2 -D_FORTIFY_SOURCE=2 calls: __read_chk and its like, which know the buffer's size.
// tests/meson.build checks that this program imports them.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static volatile size_t five = 5, too_many = 17;  // lengths the compiler cannot see

static void meet_over_sockets(void (*block)(void*)) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(block, write_hello, ends);
  close_both(ends);
}

static void fortified_read_hello(void* ends) {
  char text[16] = "";
  CHECK_EQ(read(((int*)ends)[kReadEnd], text, five), 5);
  CHECK_TEXT(text, "hello");
}

CASE(__read_chk) { meet_over_sockets(fortified_read_hello); }

static void recv_hello(void* ends) {
  char text[16] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, five, 0), 5);
  CHECK_TEXT(text, "hello");
}

CASE(__recv_chk) { meet_over_sockets(recv_hello); }

static void recvfrom_hello(void* ends) {
  char text[16] = "";
  CHECK_EQ(recvfrom(((int*)ends)[kReadEnd], text, five, MSG_WAITALL, NULL, NULL), 5);
  CHECK_TEXT(text, "hello");
}

CASE(__recvfrom_chk) { meet_over_sockets(recvfrom_hello); }

static volatile nfds_t one_descriptor = 1, too_many_descriptors = 3;

static void poll_hello(void* ends) {
  struct pollfd fds[2] = {{((int*)ends)[kReadEnd], POLLIN, 0}, {-1, 0, 0}};
  CHECK_EQ(poll(fds, one_descriptor, -1), 1);
  CHECK_EQ(fds[0].revents, POLLIN);
  fortified_read_hello(ends);
}

CASE(__poll_chk) { meet_over_sockets(poll_hello); }

static void ppoll_hello(void* ends) {
  struct pollfd fds[2] = {{((int*)ends)[kReadEnd], POLLIN, 0}, {-1, 0, 0}};
  struct timespec long_time = {100, 0};
  CHECK_EQ(ppoll(fds, one_descriptor, &long_time, NULL), 1);
  CHECK_EQ(fds[0].revents, POLLIN);
  fortified_read_hello(ends);
}

CASE(__ppoll_chk) { meet_over_sockets(ppoll_hello); }

static void read_too_much(int fd) {
  char text[16];
  CHECK_EQ(read(fd, text, too_many), 5);
}

static void recv_too_much(int fd) {
  char text[16];
  CHECK_EQ(recv(fd, text, too_many, 0), 5);
}

static void recvfrom_too_much(int fd) {
  char text[16];
  CHECK_EQ(recvfrom(fd, text, too_many, 0, NULL, NULL), 5);
}

static void poll_too_many(int fd) {
  struct pollfd fds[2] = {{fd, POLLIN, 0}, {fd, POLLIN, 0}};
  CHECK_EQ(poll(fds, too_many_descriptors, 0), 2);
}

static void ppoll_too_many(int fd) {
  struct pollfd fds[2] = {{fd, POLLIN, 0}, {fd, POLLIN, 0}};
  struct timespec none = {0, 0};
  CHECK_EQ(ppoll(fds, too_many_descriptors, &none, NULL), 2);
}

static void check_aborts(void (*overflow)(int)) {
  int ends[2], status;
  open_pair(SOCK_STREAM, ends);
  write_hello(ends);
  pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);  // glibc says "buffer overflow detected" there
    close(STDOUT_FILENO);
    overflow(ends[kReadEnd]);
    _exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  close_both(ends);
}

CASE(a_length_above_the_buffers_size_aborts) {
  check_aborts(read_too_much);
  check_aborts(recv_too_much);
  check_aborts(recvfrom_too_much);
  check_aborts(poll_too_many);
  check_aborts(ppoll_too_many);
}
