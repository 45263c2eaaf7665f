// How much a read of a stream waits for: SO_RCVLOWAT, MSG_WAITALL, and MSG_PEEK with them; and what ends it half way.
#include <fcntl.h>
#include <sys/uio.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kKinds = 2 };

static void open_kind(int kind, int ends[2]) {
  if (kind == 0) open_pair(SOCK_STREAM, ends);
  if (kind == 1) open_slow_tcp_pair(ends);
}

static void set_low_water_mark(int fd, int bytes) {
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes), 0);
}

static void set_timeout(int fd) {
  struct timeval timeout = {0, 20000};
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
}

static void send_in_pieces(void* ends) {
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(send(((int*)ends)[kWriteEnd], "hello", 5, 0), 5);
    usleep(500);
  }
}

static void recv_twelve_at_least(void* ends) {
  char text[32] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 31, 0), 15);
  CHECK_TEXT(text, "hellohellohello");
}

static void read_twelve_at_least(void* ends) {
  char text[32] = "";
  CHECK_EQ(read(((int*)ends)[kReadEnd], text, 31), 15);
  CHECK_TEXT(text, "hellohellohello");
}

static void readv_twelve_at_least(void* ends) {
  char text[32] = "";
  struct iovec parts[] = {{text, 2}, {text + 2, 29}};
  CHECK_EQ(readv(((int*)ends)[kReadEnd], parts, 2), 15);
  CHECK_TEXT(text, "hellohellohello");
}

static void recvmsg_twelve_at_least(void* ends) {
  char text[32] = "";
  struct iovec parts[] = {{text, 2}, {text + 2, 29}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  CHECK_EQ(recvmsg(((int*)ends)[kReadEnd], &message, 0), 15);
  CHECK_TEXT(text, "hellohellohello");
}

CASE(low_water_mark) {
  int ends[2];
  char text[32];
  for (int kind = 0; kind < kKinds; kind++) {
    open_kind(kind, ends);
    meet(read_hello, write_hello, ends);
    set_low_water_mark(ends[kReadEnd], 12);
    meet(recv_twelve_at_least, send_in_pieces, ends);
    meet(read_twelve_at_least, send_in_pieces, ends);
    meet(recvmsg_twelve_at_least, send_in_pieces, ends);
    meet(readv_twelve_at_least, send_in_pieces, ends);
    write_hello(ends);
    CHECK_EQ(recv(ends[kReadEnd], text, 5, 0), 5);  // all that was asked for
    write_hello(ends);
    CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, MSG_DONTWAIT), 5);
    write_hello(ends);
    set_timeout(ends[kReadEnd]);
    CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, 0), 5);
    write_hello(ends);
    shut_down_writing(ends);
    CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, 0), 5);
    CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, 0), 0);
    close_both(ends);
  }
}

static void peek_at_twelve(void* ends) {
  char text[32] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 31, MSG_PEEK), 15);
  CHECK_TEXT(text, "hellohellohello");
  recv_twelve_at_least(ends);
}

CASE(low_water_mark_of_a_look) {
  int ends[2];
  char text[32];
  open_tcp_pair(ends);
  set_low_water_mark(ends[kReadEnd], 12);
  meet(peek_at_twelve, send_in_pieces, ends);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  set_low_water_mark(ends[kReadEnd], 12);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], text, 31, MSG_PEEK), 5);  // a unix socket is content
  close_both(ends);
}

static void peek_at_all(void* ends) {
  char text[32] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), 15);
  CHECK_TEXT(text, "hellohellohello");
  memset(text, 0, sizeof text);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, MSG_WAITALL), 15);
  CHECK_TEXT(text, "hellohellohello");
}

static void peek_at_all_parts(void* ends) {
  char text[32] = "";
  struct iovec parts[] = {{text, 7}, {text + 7, 8}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  CHECK_EQ(recvmsg(((int*)ends)[kReadEnd], &message, MSG_PEEK | MSG_WAITALL), 15);
  CHECK_TEXT(text, "hellohellohello");
  CHECK_EQ(recvfrom(((int*)ends)[kReadEnd], text, 15, MSG_WAITALL, NULL, NULL), 15);
}

static void peek_until_the_end(void* ends) {
  char text[32] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), 5);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, MSG_WAITALL), 5);
  close_both(ends);
  open_slow_tcp_pair(ends);
}

static void write_hello_and_end(void* ends) {
  write_hello(ends);
  usleep(2000);
  shut_down_writing(ends);
}

CASE(looks_at_all) {
  int ends[2];
  char text[32];
  open_tcp_pair(ends);
  meet(peek_at_all, send_in_pieces, ends);
  meet(peek_at_all_parts, send_in_pieces, ends);
  meet(peek_until_the_end, write_hello_and_end, ends);
  set_timeout(ends[kReadEnd]);
  CHECK_FAILS(recv(ends[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), EAGAIN);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), 5);
  CHECK_EQ(recv(ends[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT), 5);
  set_nonblocking(ends[kReadEnd], 1);
  CHECK_EQ(recv(ends[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), 5);
  CHECK_EQ(recv(ends[kReadEnd], text, 15, MSG_WAITALL), 5);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], text, 15, MSG_PEEK | MSG_WAITALL), 5);  // a unix socket is content
  close_both(ends);
}

static void recv_all_until_the_end(void* ends) {
  char text[32];
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), 5);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), 0);
  close_both(ends);
  open_slow_tcp_pair(ends);
}

static void recv_all_until_reset(void* ends) {
  char text[32];
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), 5);
  CHECK_FAILS(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), ECONNRESET);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), 0);
  CHECK_FAILS(send(((int*)ends)[kReadEnd], text, 1, MSG_NOSIGNAL), EPIPE);
  close(((int*)ends)[kReadEnd]);
  open_slow_tcp_pair(ends);
}

// Its error, too, comes to who has not been told of it.
static void send_until_reset(void* ends) {
  CHECK(send(((int*)ends)[kReadEnd], large, kLarge, MSG_NOSIGNAL) < kLarge);
  CHECK_FAILS(send(((int*)ends)[kReadEnd], large, 1, MSG_NOSIGNAL), ECONNRESET);
  CHECK_FAILS(send(((int*)ends)[kReadEnd], large, 1, MSG_NOSIGNAL), EPIPE);
  close(((int*)ends)[kReadEnd]);
  open_slow_tcp_pair(ends);
}

static void write_hello_and_reset(void* ends) {
  struct linger at_once = {1, 0};
  write_hello(ends);
  usleep(2000);
  CHECK_EQ(setsockopt(((int*)ends)[kWriteEnd], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  CHECK_EQ(close(((int*)ends)[kWriteEnd]), 0);
}

CASE(what_ends_a_read_of_all) {
  int ends[2];
  char text[32];
  open_slow_tcp_pair(ends);
  meet(recv_all_until_the_end, write_hello_and_end, ends);
  meet(recv_all_until_reset, write_hello_and_reset, ends);
  meet(send_until_reset, write_hello_and_reset, ends);
  set_timeout(ends[kReadEnd]);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, MSG_WAITALL), 5);
  CHECK_FAILS(recv(ends[kReadEnd], text, sizeof text, MSG_WAITALL), EAGAIN);
  write_hello(ends);
  write_hello(ends);
  CHECK_EQ(recv(ends[kReadEnd], NULL, 7, MSG_WAITALL | MSG_TRUNC), 7);  // thrown away
  CHECK_EQ(recv(ends[kReadEnd], text, 3, 0), 3);
  CHECK_EQ(memcmp(text, "llo", 3), 0);
  close_both(ends);
}
