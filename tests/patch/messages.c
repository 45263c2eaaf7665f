// recvmmsg and sendmmsg: what waits, how many messages they give, when they stop.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kMessages = 8, kSize = 64 };

struct Messages {
  int receiver, sender;
  char texts[kMessages][kSize];
  struct iovec parts[kMessages];
  struct mmsghdr list[kMessages];
};

static void prepare(struct Messages* messages) {
  memset(messages->texts, 0, sizeof messages->texts);
  memset(messages->list, 0, sizeof messages->list);
  for (int i = 0; i < kMessages; i++) {
    messages->parts[i] = (struct iovec){messages->texts[i], kSize};
    messages->list[i].msg_hdr.msg_iov = &messages->parts[i];
    messages->list[i].msg_hdr.msg_iovlen = 1;
    messages->list[i].msg_len = 99;
  }
}

static void open_messages(struct Messages* messages) {
  struct sockaddr_in address, own;
  messages->receiver = udp_bound(&address);
  messages->sender = udp_bound(&own);
  CHECK_EQ(connect(messages->sender, (struct sockaddr*)&address, sizeof address), 0);
  prepare(messages);
}

static void close_messages(struct Messages* messages) {
  close(messages->receiver);
  close(messages->sender);
}

static void send_some(struct Messages* messages, int count) {
  for (int i = 0; i < count; i++) CHECK_EQ(send(messages->sender, "hello" + i % 5, (size_t)(5 - i % 5), 0), 5 - i % 5);
}

static void recv_four(void* argument) {
  struct Messages* messages = argument;
  prepare(messages);
  errno = 77;
  CHECK_EQ(recvmmsg(messages->receiver, messages->list, 4, 0, NULL), 4);
  CHECK_EQ(errno, 77);
  check_blocking(messages->receiver);
  for (int i = 0; i < 4; i++) {
    CHECK_TEXT(messages->texts[i], "hello" + i);
    CHECK_EQ(messages->list[i].msg_len, 5 - i);
  }
  CHECK_EQ(messages->list[4].msg_len, 99);
}

static void send_four(void* argument) {
  struct Messages* messages = argument;
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(send(messages->sender, "hello" + i, (size_t)(5 - i), 0), 5 - i);
    usleep(300);
  }
}

CASE(recvmmsg) {
  struct Messages messages;
  open_messages(&messages);
  meet(recv_four, send_four, &messages);
  close_messages(&messages);
}

static void recv_first(void* argument) {
  struct Messages* messages = argument;
  CHECK_EQ(recvmmsg(messages->receiver, messages->list, kMessages, MSG_WAITFORONE, NULL), 1);
}

static void send_one(void* argument) { send_some(argument, 1); }

CASE(recvmmsg_waits_for_one) {
  struct Messages messages;
  open_messages(&messages);
  meet(recv_first, send_one, &messages);
  send_some(&messages, 3);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, kMessages, MSG_WAITFORONE, NULL), 3);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, kMessages, MSG_DONTWAIT, NULL), EAGAIN);
  set_nonblocking(messages.receiver, 1);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, kMessages, 0, NULL), EAGAIN);
  send_some(&messages, 2);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, kMessages, 0, NULL), 2);
  close_messages(&messages);
}

// The timeout is looked at after each message, and ends no wait.
static void recv_two_in_no_time(void* argument) {
  struct Messages* messages = argument;
  struct timespec timeout = {0, 1};
  CHECK_EQ(recvmmsg(messages->receiver, messages->list, kMessages, 0, &timeout), 1);
  CHECK(timeout.tv_sec == 0 && timeout.tv_nsec == 0);
}

static void recv_two_in_long_time(void* argument) {
  struct Messages* messages = argument;
  struct timespec timeout = {1000, 5};
  CHECK_EQ(recvmmsg(messages->receiver, messages->list, 2, 0, &timeout), 2);
  CHECK(timeout.tv_sec == 999 && timeout.tv_nsec > 0);
}

static void send_two(void* argument) {
  for (int i = 0; i < 2; i++) {
    send_some(argument, 1);
    usleep(500);
  }
}

CASE(recvmmsg_timeout) {
  struct Messages messages;
  struct timespec timeout = {0, 0};
  open_messages(&messages);
  send_some(&messages, 2);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, kMessages, 0, &timeout), 1);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, kMessages, 0, &timeout), 1);
  meet(recv_two_in_no_time, send_one, &messages);
  meet(recv_two_in_long_time, send_two, &messages);
  timeout = (struct timespec){0, 1000000000};
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 1, 0, &timeout), EINVAL);
  timeout = (struct timespec){-1, 0};
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 1, 0, &timeout), EINVAL);
  CHECK_EQ(timeout.tv_sec, -1);
  struct timeval limit = {0, 20000};
  CHECK_EQ(setsockopt(messages.receiver, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  timeout = (struct timespec){1000, 0};
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 2, 0, &timeout), EAGAIN);
  CHECK(timeout.tv_sec == 1000 && timeout.tv_nsec == 0);
  send_some(&messages, 1);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, 2, 0, &timeout), 1);
  CHECK(timeout.tv_sec == 999);
  close_messages(&messages);
}

// Nobody has the port: the kernel tells the sender so when it next asks.
static void recv_until_refused(void* argument) {
  struct Messages* messages = argument;
  CHECK_EQ(recvmmsg(messages->sender, messages->list, kMessages, 0, NULL), 1);
  CHECK_FAILS(recvmmsg(messages->sender, messages->list, kMessages, 0, NULL), ECONNREFUSED);
  close_messages(messages);
  open_messages(messages);
}

static void answer_and_go(void* argument) {
  struct Messages* messages = argument;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  CHECK_EQ(getsockname(messages->sender, (struct sockaddr*)&address, &size), 0);
  CHECK_EQ(sendto(messages->receiver, "x", 1, 0, (struct sockaddr*)&address, size), 1);
  close(messages->receiver);
  messages->receiver = dup(messages->sender);
  char byte;
  while (recv(messages->sender, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1) usleep(100);  // until it is taken
  CHECK_EQ(send(messages->sender, "y", 1, 0), 1);
}

CASE(errors_after_the_first_message_are_for_the_next_call) {
  struct Messages messages;
  open_messages(&messages);
  meet(recv_until_refused, answer_and_go, &messages);
  send_some(&messages, 4);
  messages.parts[2].iov_base = NULL;
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, kMessages, 0, NULL), 2);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, kMessages, 0, NULL), EFAULT);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, 1, 0, NULL), 1);
  CHECK_EQ(sendmmsg(messages.sender, messages.list, kMessages, 0), 2);
  CHECK_FAILS(sendmmsg(messages.sender, messages.list + 2, kMessages - 2, 0), EFAULT);
  close_messages(&messages);
}

static void* volatile nowhere;

CASE(bad_arguments_of_recvmmsg_and_sendmmsg) {
  struct Messages messages;
  static struct mmsghdr many[2000];
  int ends[2];
  open_messages(&messages);
  CHECK_EQ(recvmmsg(messages.receiver, messages.list, 0, 0, NULL), 0);
  CHECK_EQ(sendmmsg(messages.sender, messages.list, 0, 0), 0);
  CHECK_FAILS(recvmmsg(-1, messages.list, 0, 0, NULL), EBADF);
  CHECK_FAILS(sendmmsg(-1, messages.list, 0, 0), EBADF);
  CHECK_FAILS(recvmmsg(messages.receiver, nowhere, 1, 0, NULL), EFAULT);
  CHECK_FAILS(sendmmsg(messages.sender, nowhere, 1, 0), EFAULT);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 1, 0, (struct timespec*)8), EFAULT);
  struct timespec* fixed = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  send_some(&messages, 1);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 2, 0, fixed), EFAULT);
  CHECK_FAILS(recvmmsg(messages.receiver, messages.list, 2, MSG_DONTWAIT, NULL), EAGAIN);
  munmap(fixed, 4096);
  for (int i = 0; i < 2000; i++) many[i] = messages.list[0];
  CHECK_EQ(sendmmsg(messages.sender, many, 2000, 0), 1024);
  close_messages(&messages);
  open_pipe(ends);
  CHECK_FAILS(recvmmsg(ends[kReadEnd], messages.list, 1, 0, NULL), ENOTSOCK);
  CHECK_FAILS(sendmmsg(ends[kWriteEnd], messages.list, 1, 0), ENOTSOCK);
  close_both(ends);
}

static void sendmmsg_large(void* ends) {
  struct iovec parts[] = {{large, 70000}, {large + 70000, 300000}, {large + 370000, kLarge - 370000}};
  struct mmsghdr list[] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 2}},
                           {.msg_hdr = {.msg_iov = parts + 2, .msg_iovlen = 1}}};
  errno = 77;
  CHECK_EQ(sendmmsg(((int*)ends)[kWriteEnd], list, 2, 0), 2);
  CHECK_EQ(errno, 77);
  CHECK_EQ(list[0].msg_len, 370000);
  CHECK_EQ(list[1].msg_len, kLarge - 370000);
  check_blocking(((int*)ends)[kWriteEnd]);
}

static int datagram_queue(int ends[2]) {
  char byte;
  int room = 0;
  while (send(ends[kWriteEnd], "x", 1, MSG_DONTWAIT) == 1) room++;
  for (int i = 0; i < room; i++) CHECK_EQ(recv(ends[kReadEnd], &byte, 1, 0), 1);
  return room;
}

static void sendmmsg_many(void* argument) {
  int* ends = argument;
  struct Messages messages;
  prepare(&messages);
  for (int i = 0; i < ends[2] / kMessages + 1; i++)
    CHECK_EQ(sendmmsg(ends[kWriteEnd], messages.list, kMessages, 0), kMessages);
}

static void recv_many(void* argument) {
  int* ends = argument;
  char text[kSize];
  for (int i = 0; i < (ends[2] / kMessages + 1) * kMessages; i++) CHECK_EQ(recv(ends[kReadEnd], text, kSize, 0), kSize);
}

CASE(sendmmsg) {
  int ends[3];
  open_pair(SOCK_STREAM, ends);
  meet(sendmmsg_large, drain_large, ends);
  close_both(ends);
  open_slow_tcp_pair(ends);
  meet(sendmmsg_large, drain_large, ends);
  close_both(ends);
  open_pair(SOCK_DGRAM, ends);
  ends[2] = datagram_queue(ends);
  meet(sendmmsg_many, recv_many, ends);
  close_both(ends);
}

CASE(sendmmsg_that_times_out_half_way) {
  int ends[2];
  struct timeval limit = {0, 20000};
  struct iovec parts[] = {{large, 1000}, {large, kLarge}, {large, 1000}};
  struct mmsghdr list[] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}, .msg_len = 99},
                           {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 1}, .msg_len = 99},
                           {.msg_hdr = {.msg_iov = parts + 2, .msg_iovlen = 1}, .msg_len = 99}};
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  CHECK_EQ(sendmmsg(ends[kWriteEnd], list, 3, 0), 2);
  CHECK_EQ(list[0].msg_len, 1000);
  CHECK(list[1].msg_len > 0 && list[1].msg_len < kLarge);
  CHECK_EQ(list[2].msg_len, 99);
  fill(ends[kWriteEnd]);
  CHECK_FAILS(sendmmsg(ends[kWriteEnd], list, 3, 0), EAGAIN);
  close(ends[kReadEnd]);
  signal(SIGPIPE, SIG_IGN);
  CHECK_FAILS(sendmmsg(ends[kWriteEnd], list, 3, 0), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  close(ends[kWriteEnd]);
}

// A stream has no messages: each takes what there is.
static void recv_pieces(void* ends) {
  struct Messages messages;
  prepare(&messages);
  CHECK_EQ(recvmmsg(((int*)ends)[kReadEnd], messages.list, 2, 0, NULL), 2);
  CHECK_TEXT(messages.texts[0], "hello");
  CHECK_TEXT(messages.texts[1], "hello");
}

static void send_pieces(void* ends) {
  write_hello(ends);
  char byte;
  while (recv(((int*)ends)[kReadEnd], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1) usleep(100);
  write_hello(ends);
}

CASE(recvmmsg_on_streams) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_pieces, send_pieces, ends);
  close_both(ends);
  open_tcp_pair(ends);
  meet(recv_pieces, send_pieces, ends);
  close_both(ends);
}
