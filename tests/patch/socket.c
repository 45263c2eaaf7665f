// recv, recvfrom, recvmsg, send, sendto, sendmsg on sockets of all types, and the flags that change how they wait.
#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static void recv_hello(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  char text[16] = "";
  CHECK_EQ(recv(fd, text, sizeof text, 0), 5);
  check_blocking(fd);
  CHECK_TEXT(text, "hello");
}

static void send_hello(void* ends) {
  check_blocking(((int*)ends)[kReadEnd]);
  check_blocking(((int*)ends)[kWriteEnd]);
  CHECK_EQ(send(((int*)ends)[kWriteEnd], "hello", 5, 0), 5);
}

CASE(recv) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_hello, send_hello, ends);
  close_both(ends);
  open_pair(SOCK_SEQPACKET, ends);
  meet(recv_hello, send_hello, ends);
  close_both(ends);
  open_tcp_pair(ends);
  meet(recv_hello, send_hello, ends);
  close_both(ends);
}

static void send_large(void* ends) {
  CHECK_EQ(send(((int*)ends)[kWriteEnd], large, kLarge, MSG_NOSIGNAL), kLarge);
  check_blocking(((int*)ends)[kWriteEnd]);
}

CASE(send) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(send_large, drain_large, ends);
  close_both(ends);
}

static void sendto_large(void* ends) { CHECK_EQ(sendto(((int*)ends)[kWriteEnd], large, kLarge, 0, NULL, 0), kLarge); }

CASE(sendto) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(sendto_large, drain_large, ends);
  close_both(ends);
}

static void sendmsg_large(void* ends) {
  struct iovec parts[] = {{large, 70000}, {large + 70000, 0}, {large + 70000, kLarge - 70000}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  CHECK_EQ(sendmsg(((int*)ends)[kWriteEnd], &message, 0), kLarge);
  CHECK_EQ(message.msg_iovlen, 3);
  CHECK_EQ(parts[0].iov_len, 70000);
}

CASE(sendmsg) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(sendmsg_large, drain_large, ends);
  close_both(ends);
}

struct Datagrams {
  int receiver, sender;
  struct sockaddr_in receiver_address, sender_address;
};

static void open_datagrams(struct Datagrams* sockets) {
  sockets->receiver = udp_bound(&sockets->receiver_address);
  sockets->sender = udp_bound(&sockets->sender_address);
}

static void recvfrom_hello(void* argument) {
  struct Datagrams* sockets = argument;
  char text[16] = "";
  struct sockaddr_storage from;
  socklen_t size = sizeof from;
  CHECK_EQ(recvfrom(sockets->receiver, text, sizeof text, 0, (struct sockaddr*)&from, &size), 5);
  check_blocking(sockets->receiver);
  CHECK_TEXT(text, "hello");
  CHECK_EQ(size, sizeof sockets->sender_address);
  CHECK_EQ(((struct sockaddr_in*)&from)->sin_port, sockets->sender_address.sin_port);
  CHECK_EQ(((struct sockaddr_in*)&from)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

static void sendto_hello(void* argument) {
  struct Datagrams* sockets = argument;
  check_blocking(sockets->receiver);
  CHECK_EQ(sendto(sockets->sender, "hello", 5, 0, (struct sockaddr*)&sockets->receiver_address,
                  sizeof sockets->receiver_address),
           5);
}

CASE(recvfrom) {
  struct Datagrams sockets;
  open_datagrams(&sockets);
  meet(recvfrom_hello, sendto_hello, &sockets);
  close(sockets.receiver);
  close(sockets.sender);
}

CASE(datagrams_keep_their_borders) {
  struct Datagrams sockets;
  char text[16] = "";
  open_datagrams(&sockets);
  sendto_hello(&sockets);
  sendto_hello(&sockets);
  CHECK_EQ(recv(sockets.receiver, text, 2, 0), 2);  // the rest is cut off
  CHECK_EQ(recv(sockets.receiver, text, 2, MSG_TRUNC), 5);
  CHECK_EQ(
      sendto(sockets.sender, "", 0, 0, (struct sockaddr*)&sockets.receiver_address, sizeof sockets.receiver_address),
      0);
  CHECK_EQ(recv(sockets.receiver, text, sizeof text, 0), 0);
  CHECK_FAILS(sendto(sockets.sender, large, kLarge, 0, (struct sockaddr*)&sockets.receiver_address,
                     sizeof sockets.receiver_address),
              EMSGSIZE);
  close(sockets.receiver);
  close(sockets.sender);
}

union Control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

static void recvmsg_descriptor(void* ends) {
  char text[16] = "";
  union Control control;
  struct iovec parts[] = {{text, 2}, {text + 2, sizeof text - 3}};
  struct msghdr message = {
      .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control};
  CHECK_EQ(recvmsg(((int*)ends)[kReadEnd], &message, MSG_CMSG_CLOEXEC), 5);
  CHECK_TEXT(text, "hello");
  CHECK_EQ(message.msg_flags, MSG_CMSG_CLOEXEC);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  CHECK(header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS);
  int passed;
  memcpy(&passed, CMSG_DATA(header), sizeof passed);
  CHECK_EQ(fcntl(passed, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(write(passed, "through", 7), 7);
  close(passed);
}

static void sendmsg_descriptor(void* ends) {
  int inner[2];
  char text[16] = "";
  union Control control = {0};
  struct iovec part = {(char[]){"hello"}, 5};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
  open_pipe(inner);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &inner[kWriteEnd], sizeof(int));
  CHECK_EQ(sendmsg(((int*)ends)[kWriteEnd], &message, 0), 5);
  CHECK_EQ(read(inner[kReadEnd], text, sizeof text), 7);  // waits for the receiver
  CHECK_TEXT(text, "through");
  close_both(inner);
}

CASE(recvmsg) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recvmsg_descriptor, sendmsg_descriptor, ends);
  close_both(ends);
}

static void recv_all(void* ends) {
  char text[16] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, MSG_WAITALL), 15);
  CHECK_TEXT(text, "hellohellohello");
}

static void send_in_pieces(void* ends) {
  for (int i = 0; i < 3; i++) {
    send_hello(ends);
    usleep(500);
  }
}

CASE(recv_waitall) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_all, send_in_pieces, ends);
  CHECK_EQ(send(ends[kWriteEnd], "end", 3, 0), 3);
  CHECK_EQ(shutdown(ends[kWriteEnd], SHUT_WR), 0);
  char text[16];
  CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, MSG_WAITALL), 3);  // the end of the stream ends it
  close_both(ends);
  open_tcp_pair(ends);
  meet(recv_all, send_in_pieces, ends);
  close_both(ends);
}

static void recv_all_parts(void* ends) {
  char text[16] = "";
  struct iovec parts[] = {{text, 4}, {text + 4, 11}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  CHECK_EQ(recvmsg(((int*)ends)[kReadEnd], &message, MSG_WAITALL), 15);
  CHECK_TEXT(text, "hellohellohello");
  CHECK_EQ(parts[0].iov_len, 4);
  CHECK_EQ(parts[1].iov_len, 11);
}

CASE(recvmsg_waitall) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_all_parts, send_in_pieces, ends);
  close_both(ends);
}

static void peek_then_recv(void* ends) {
  char text[16] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_PEEK), 5);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_PEEK), 5);
  recv_hello(ends);
  CHECK_FAILS(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
}

CASE(recv_peek) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(peek_then_recv, send_hello, ends);
  close_both(ends);
}
