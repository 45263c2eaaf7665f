// When recv, send and their like do not wait, or not for ever; and how they fail.
#include <fcntl.h>
#include <signal.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kUntilTimeout = 50 };

CASE(dontwait_does_not_wait) {
  int ends[2];
  char text[16];
  open_pair(SOCK_STREAM, ends);
  struct iovec part = {text, sizeof text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, MSG_DONTWAIT), EAGAIN);
  CHECK_FAILS(recvfrom(ends[kReadEnd], text, sizeof text, MSG_DONTWAIT, NULL, NULL), EAGAIN);
  CHECK_FAILS(recvmsg(ends[kReadEnd], &message, MSG_DONTWAIT), EAGAIN);
  ssize_t taken = send(ends[kWriteEnd], large, kLarge, MSG_DONTWAIT);
  CHECK(taken > 0 && taken < kLarge);
  fill(ends[kWriteEnd]);
  CHECK_FAILS(send(ends[kWriteEnd], large, kLarge, MSG_DONTWAIT), EAGAIN);
  CHECK_FAILS(sendto(ends[kWriteEnd], large, kLarge, MSG_DONTWAIT, NULL, 0), EAGAIN);
  CHECK_FAILS(sendmsg(ends[kWriteEnd], &message, MSG_DONTWAIT), EAGAIN);
  close_both(ends);
}

CASE(nonblocking_sockets_do_not_wait) {
  int ends[2];
  char text[16];
  open_tcp_pair(ends);
  set_nonblocking(ends[kReadEnd], 1);
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, 0), EAGAIN);
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, MSG_WAITALL), EAGAIN);
  CHECK_FAILS(recvfrom(ends[kReadEnd], text, sizeof text, 0, NULL, NULL), EAGAIN);
  fill(ends[kWriteEnd]);
  set_nonblocking(ends[kWriteEnd], 1);
  CHECK_FAILS(send(ends[kWriteEnd], large, kLarge, 0), EAGAIN);
  CHECK(fcntl(ends[kReadEnd], F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(ends[kWriteEnd], F_GETFL) & O_NONBLOCK);
  close_both(ends);
}

static void set_timeout(int fd, int option) {
  struct timeval timeout = {0, kUntilTimeout * 1000};
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof timeout), 0);
}

static void recv_until_timeout(int fd) {
  char text[16];
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(recv(fd, text, sizeof text, 0), EAGAIN);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= (kUntilTimeout - 1) * 1000000LL);  // the kernel counts in ticks
}

CASE(receive_timeout) {
  int ends[2];
  char text[16];
  struct iovec part = {text, sizeof text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  open_pair(SOCK_STREAM, ends);
  set_timeout(ends[kReadEnd], SO_RCVTIMEO);
  recv_until_timeout(ends[kReadEnd]);
  CHECK_FAILS(read(ends[kReadEnd], text, sizeof text), EAGAIN);
  CHECK_FAILS(recvfrom(ends[kReadEnd], text, sizeof text, 0, NULL, NULL), EAGAIN);
  CHECK_FAILS(recvmsg(ends[kReadEnd], &message, 0), EAGAIN);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, MSG_WAITALL), 5);  // what came before the timeout
  recv_until_timeout(ends[kReadEnd]);
  close_both(ends);
}

CASE(timeouts_that_are_not_reached) {
  int ends[2];
  struct timeval long_time = {30, 0};  // longer than a case may take
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time), 0);
  CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDTIMEO, &long_time, sizeof long_time), 0);
  meet(read_hello, write_hello, ends);
  meet(write_large, drain_large, ends);
  close_both(ends);
}

CASE(send_timeout) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  set_timeout(ends[kWriteEnd], SO_SNDTIMEO);
  ssize_t taken = send(ends[kWriteEnd], large, kLarge, 0);
  CHECK(taken > 0 && taken < kLarge);  // a part, then the timeout
  fill(ends[kWriteEnd]);
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(send(ends[kWriteEnd], large, kLarge, 0), EAGAIN);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= (kUntilTimeout - 1) * 1000000LL);
  CHECK_FAILS(write(ends[kWriteEnd], large, kLarge), EAGAIN);
  close_both(ends);
}

static void recv_nothing(void* ends) {
  char byte;
  CHECK_EQ(recv(((int*)ends)[kReadEnd], &byte, 0, 0), 0);  // unlike read(), recv() waits for something to be there
  read_hello(ends);
}

CASE(zero_lengths) {
  int ends[2];
  char byte;
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(send(ends[kWriteEnd], &byte, 0, 0), 0);
  CHECK_FAILS(recv(ends[kReadEnd], &byte, 1, MSG_DONTWAIT), EAGAIN);
  meet(recv_nothing, write_hello, ends);
  close_both(ends);
}

static void recv_the_end(void* ends) {
  char byte;
  CHECK_EQ(recv(((int*)ends)[kReadEnd], &byte, 1, 0), 0);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], &byte, 1, 0), 0);
  close_both(ends);
  open_tcp_pair(ends);
}

static void shut_down_reading(void* ends) { CHECK_EQ(shutdown(((int*)ends)[kReadEnd], SHUT_RD), 0); }

CASE(shutdown) {
  int ends[2];
  open_tcp_pair(ends);
  meet(recv_the_end, shut_down_writing, ends);
  meet(recv_the_end, shut_down_reading, ends);
  close_both(ends);
}

CASE(errors_of_sockets) {
  int ends[2];
  char text[16];
  open_pipe(ends);
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, 0), ENOTSOCK);
  CHECK_FAILS(send(ends[kWriteEnd], text, sizeof text, 0), ENOTSOCK);
  close_both(ends);
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, 0), EBADF);
  CHECK_FAILS(sendto(-1, text, sizeof text, 0, NULL, 0), EBADF);
  int unconnected = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_FAILS(recv(unconnected, text, sizeof text, 0), ENOTCONN);
  CHECK_FAILS(send(unconnected, text, sizeof text, MSG_NOSIGNAL), EPIPE);
  close(unconnected);
  open_pair(SOCK_STREAM, ends);
  close(ends[kReadEnd]);
  CHECK_FAILS(send(ends[kWriteEnd], text, sizeof text, MSG_NOSIGNAL), EPIPE);
  CHECK_EQ(recv(ends[kWriteEnd], text, sizeof text, 0), 0);
  close(ends[kWriteEnd]);
}

static int broken_pipes;

static void count_broken_pipe(int signal) {
  (void)signal;
  __atomic_fetch_add(&broken_pipes, 1, __ATOMIC_RELAXED);
}

CASE(sigpipe) {
  int ends[2];
  signal(SIGPIPE, count_broken_pipe);
  open_pair(SOCK_STREAM, ends);
  close(ends[kReadEnd]);
  CHECK_FAILS(send(ends[kWriteEnd], "x", 1, 0), EPIPE);
  CHECK_EQ(broken_pipes, 1);
  CHECK_FAILS(send(ends[kWriteEnd], "x", 1, MSG_NOSIGNAL), EPIPE);
  CHECK_EQ(broken_pipes, 1);
  signal(SIGPIPE, SIG_DFL);
  close(ends[kWriteEnd]);
}

static void recv_reset(void* ends) {
  char byte;
  CHECK_FAILS(recv(((int*)ends)[kReadEnd], &byte, 1, 0), ECONNRESET);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], &byte, 1, 0), 0);
  close(((int*)ends)[kReadEnd]);
  open_tcp_pair(ends);
}

static void reset_connection(void* ends) {
  struct linger at_once = {1, 0};
  CHECK_EQ(setsockopt(((int*)ends)[kWriteEnd], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  CHECK_EQ(close(((int*)ends)[kWriteEnd]), 0);
}

CASE(connection_reset) {
  int ends[2];
  open_tcp_pair(ends);
  meet(recv_reset, reset_connection, ends);
  close_both(ends);
}
