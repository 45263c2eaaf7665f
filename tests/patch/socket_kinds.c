// Sockets that are neither TCP nor plain datagrams, and what comes beside the data.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/un.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

union Control {
  struct cmsghdr align;
  char bytes[256];
};

static void recv_records(void* ends) {
  char text[16] = "";
  struct iovec part = {text, 2};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, MSG_WAITALL), 5);  // a record is all there is
  CHECK_EQ(recvmsg(((int*)ends)[kReadEnd], &message, 0), 2);
  CHECK(message.msg_flags & MSG_TRUNC);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 2, MSG_TRUNC), 5);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, sizeof text, 0), 0);
  CHECK_EQ(read(((int*)ends)[kReadEnd], text, sizeof text), 1);
}

static void send_records(void* ends) {
  int fd = ((int*)ends)[kWriteEnd];
  for (int i = 0; i < 3; i++) CHECK_EQ(send(fd, "hello", 5, MSG_EOR), 5);
  CHECK_EQ(send(fd, "", 0, 0), 0);
  CHECK_EQ(write(fd, "x", 1), 1);
}

CASE(records) {
  int ends[2];
  open_pair(SOCK_SEQPACKET, ends);
  meet(recv_records, send_records, ends);
  CHECK_FAILS(send(ends[kWriteEnd], large, kLarge, 0), EMSGSIZE);
  shut_down_writing(ends);
  CHECK_EQ(recv(ends[kReadEnd], large, 1, 0), 0);
  close_both(ends);
}

static void fill_records(void* ends) {
  int fd = ((int*)ends)[kWriteEnd];
  for (int i = 0; i < 1000; i++) CHECK_EQ(send(fd, large, 1000, 0), 1000);
  check_blocking(fd);
}

static void drain_records(void* ends) {
  static char record[2000];
  for (int i = 0; i < 1000; i++) CHECK_EQ(recv(((int*)ends)[kReadEnd], record, sizeof record, 0), 1000);
}

CASE(records_wait_for_room) {
  int ends[2];
  open_pair(SOCK_SEQPACKET, ends);
  meet(fill_records, drain_records, ends);
  close_both(ends);
  open_pair(SOCK_DGRAM, ends);
  meet(fill_records, drain_records, ends);
  close_both(ends);
}

struct Mailbox {
  int receiver, sender;
  struct sockaddr_un address;
  socklen_t size;
};

// Without a connection the kernel calls the sender writable, whoever's queue is full.
static void post_many(void* argument) {
  struct Mailbox* mailbox = argument;
  for (int i = 0; i < 100; i++)
    CHECK_EQ(sendto(mailbox->sender, "hello", 5, 0, (struct sockaddr*)&mailbox->address, mailbox->size), 5);
}

static void take_many(void* argument) {
  char text[16];
  for (int i = 0; i < 100; i++) CHECK_EQ(recv(((struct Mailbox*)argument)->receiver, text, sizeof text, 0), 5);
}

CASE(datagrams_wait_for_room_at_the_receiver) {
  struct Mailbox mailbox = {.address.sun_family = AF_UNIX, .size = sizeof mailbox.address};
  mailbox.receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
  mailbox.sender = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK_EQ(bind(mailbox.receiver, (struct sockaddr*)&mailbox.address, sizeof(sa_family_t)), 0);
  CHECK_EQ(getsockname(mailbox.receiver, (struct sockaddr*)&mailbox.address, &mailbox.size), 0);
  meet(post_many, take_many, &mailbox);
  struct timeval limit = {0, 20000};
  CHECK_EQ(setsockopt(mailbox.sender, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  while (sendto(mailbox.sender, "x", 1, MSG_DONTWAIT, (struct sockaddr*)&mailbox.address, mailbox.size) == 1) continue;
  CHECK_FAILS(sendto(mailbox.sender, "x", 1, 0, (struct sockaddr*)&mailbox.address, mailbox.size), EAGAIN);
  close(mailbox.receiver);
  CHECK_FAILS(sendto(mailbox.sender, "x", 1, 0, (struct sockaddr*)&mailbox.address, mailbox.size), ECONNREFUSED);
  close(mailbox.sender);
}

static void send_with(int fd, const char* text, int type, const void* data, size_t size) {
  union Control control = {0};
  struct iovec part = {(void*)text, strlen(text)};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(size)};
  control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
  memcpy(CMSG_DATA(&control.align), data, size);
  CHECK_EQ(sendmsg(fd, &message, 0), (ssize_t)strlen(text));
}

struct Received {
  ssize_t size;
  char text[32];
  union Control control;
  struct msghdr message;
};

static void recv_with(int fd, struct Received* received, size_t room, int flags) {
  memset(received, 0, sizeof *received);
  struct iovec part = {received->text, 10};
  received->message = (struct msghdr){
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = received->control.bytes, .msg_controllen = room};
  received->size = recvmsg(fd, &received->message, flags);
  received->message.msg_iov = NULL;
}

// Descriptors end a read of all, and belong to the piece that they came with.
static void recv_all_with_descriptors(void* ends) {
  struct Received received;
  int passed[2];
  recv_with(((int*)ends)[kReadEnd], &received, sizeof received.control, MSG_WAITALL);
  CHECK_EQ(received.size, 7);
  CHECK_TEXT(received.text, "abcdefg");
  CHECK_EQ(received.control.align.cmsg_type, SCM_RIGHTS);
  CHECK_EQ(received.control.align.cmsg_len, CMSG_LEN(sizeof passed));
  memcpy(passed, CMSG_DATA(&received.control.align), sizeof passed);
  close_both(passed);
  CHECK_EQ(recv(((int*)ends)[kReadEnd], received.text, 3, MSG_WAITALL), 3);
}

static void send_all_with_descriptors(void* ends) {
  int inner[2];
  open_pipe(inner);
  CHECK_EQ(send(((int*)ends)[kWriteEnd], "abc", 3, 0), 3);
  usleep(500);
  send_with(((int*)ends)[kWriteEnd], "defg", SCM_RIGHTS, inner, sizeof inner);
  usleep(500);
  CHECK_EQ(send(((int*)ends)[kWriteEnd], "hij", 3, 0), 3);
  close_both(inner);
}

CASE(descriptors_end_a_read_of_all) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_all_with_descriptors, send_all_with_descriptors, ends);
  close_both(ends);
}

CASE(control_data_that_is_cut_off) {
  int ends[2], inner[2], before, after;
  struct Received received;
  open_pair(SOCK_STREAM, ends);
  open_pipe(inner);
  before = dup(ends[0]);
  close(before);
  send_with(ends[kWriteEnd], "x", SCM_RIGHTS, inner, sizeof inner);
  recv_with(ends[kReadEnd], &received, CMSG_LEN(sizeof(int)), MSG_CMSG_CLOEXEC);
  CHECK_EQ(received.size, 1);
  CHECK(received.message.msg_flags & MSG_CTRUNC);
  memcpy(&after, CMSG_DATA(&received.control.align), sizeof after);
  CHECK_EQ(after, before);
  CHECK_EQ(fcntl(after, F_GETFD), FD_CLOEXEC);
  CHECK_FAILS(fcntl(after + 1, F_GETFD), EBADF);  // the second one is gone
  close(after);
  send_with(ends[kWriteEnd], "x", SCM_RIGHTS, inner, sizeof inner);
  recv_with(ends[kReadEnd], &received, 0, 0);
  CHECK(received.message.msg_flags & MSG_CTRUNC);
  CHECK_FAILS(fcntl(before, F_GETFD), EBADF);
  close_both(inner);
  close_both(ends);
}

static void recv_credentials(void* ends) {
  struct Received received;
  struct ucred who;
  recv_with(((int*)ends)[kReadEnd], &received, sizeof received.control, 0);
  CHECK_EQ(received.size, 5);
  CHECK_EQ(received.control.align.cmsg_type, SCM_CREDENTIALS);
  memcpy(&who, CMSG_DATA(&received.control.align), sizeof who);
  CHECK_EQ(who.pid, getpid());
  CHECK_EQ(who.uid, getuid());
}

static void send_credentials(void* ends) {
  struct ucred own = {getpid(), getuid(), getgid()};
  send_with(((int*)ends)[kWriteEnd], "hello", SCM_CREDENTIALS, &own, sizeof own);
}

CASE(credentials) {
  int ends[2], on = 1;
  open_pair(SOCK_STREAM, ends);
  CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  meet(recv_credentials, send_credentials, ends);
  close_both(ends);
}

// A number that a closed socket had, and a received descriptor has now.
static void read_passed(void* argument) {
  char byte;
  CHECK_EQ(read(((int*)argument)[kReadEnd], &byte, 1), 1);
}

static void write_passed(void* argument) { CHECK_EQ(write(((int*)argument)[kWriteEnd], "x", 1), 1); }

CASE(received_descriptors_have_nothing_of_the_number) {
  int over[2], inner[2], old[2], passed;
  struct Received received;
  open_pair(SOCK_STREAM, over);
  open_pipe(inner);
  for (int i = 0; i < 3; i++) {
    open_pair(SOCK_STREAM, old);
    set_nonblocking(old[0], 1);
    CHECK_FAILS(read(old[0], &received, 1), EAGAIN);
    close(old[1]);
    send_with(over[kWriteEnd], "x", SCM_RIGHTS, &inner[kReadEnd], sizeof(int));
    close(old[0]);
    recv_with(over[kReadEnd], &received, sizeof received.control, i == 2 ? MSG_DONTWAIT : 0);
    memcpy(&passed, CMSG_DATA(&received.control.align), sizeof passed);
    CHECK_EQ(passed, old[0]);
    meet(read_passed, write_passed, (int[]){passed, inner[kWriteEnd]});
    close(passed);
  }
  close_both(inner);
  close_both(over);
}

// A closed port answers; the next call is told, and the one after it is not.
static int refused_datagrams(void) {
  struct sockaddr_in address;
  int nobody = udp_bound(&address), fd = socket(AF_INET, SOCK_DGRAM, 0);
  close(nobody);
  CHECK_EQ(connect(fd, (struct sockaddr*)&address, sizeof address), 0);
  return fd;
}

static void recv_refusal(void* argument) {
  int* fd = argument;
  char byte;
  CHECK_FAILS(recv(*fd, &byte, 1, 0), ECONNREFUSED);
  CHECK_FAILS(recv(*fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
}

static void send_to_nobody(void* argument) { CHECK_EQ(send(*(int*)argument, "x", 1, 0), 1); }

CASE(refused_datagrams) {
  int fd = refused_datagrams(), error = -1;
  socklen_t size = sizeof error;
  meet(recv_refusal, send_to_nobody, &fd);
  send_to_nobody(&fd);
  CHECK_FAILS(send(fd, "x", 1, 0), ECONNREFUSED);
  send_to_nobody(&fd);
  CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  CHECK_EQ(error, ECONNREFUSED);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  CHECK_EQ(connect(fd, &none, sizeof none), 0);
  CHECK_FAILS(send(fd, "x", 1, 0), EDESTADDRREQ);
  close(fd);
}

// What waits in the queue of errors makes the socket readable, and is no data.
static void recv_beside_errors(void* argument) {
  int* fds = argument;
  char text[16];
  CHECK_EQ(recv(fds[0], text, sizeof text, 0), 5);
}

static void send_beside_errors(void* argument) {
  int* fds = argument;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  CHECK_EQ(getsockname(fds[0], (struct sockaddr*)&address, &size), 0);
  usleep(5000);
  CHECK_EQ(sendto(fds[1], "hello", 5, 0, (struct sockaddr*)&address, size), 5);
}

CASE(queue_of_errors) {
  int on = 1, fds[2];
  struct sockaddr_in own, nobody, address;
  struct Received received;
  fds[0] = udp_bound(&own);
  fds[1] = udp_bound(&address);
  close(udp_bound(&nobody));
  CHECK_FAILS(recv(fds[0], &received, 1, MSG_ERRQUEUE), EAGAIN);  // never waits
  CHECK_EQ(setsockopt(fds[0], SOL_IP, IP_RECVERR, &on, sizeof on), 0);
  CHECK_EQ(sendto(fds[0], "lost", 4, 0, (struct sockaddr*)&nobody, sizeof nobody), 4);
  CHECK_FAILS(recv(fds[0], &received, 1, 0), ECONNREFUSED);
  meet(recv_beside_errors, send_beside_errors, fds);
  recv_with(fds[0], &received, sizeof received.control, MSG_ERRQUEUE);
  CHECK_EQ(received.size, 4);
  CHECK(received.message.msg_flags & MSG_ERRQUEUE);
  CHECK_EQ(received.control.align.cmsg_type, IP_RECVERR);
  recv_with(fds[0], &received, sizeof received.control, MSG_ERRQUEUE);
  CHECK_EQ(received.size, -1);
  close_both(fds);
}

// One netlink socket hears what another says to its number.
struct Netlink {
  int receiver, sender;
  struct sockaddr_nl address;
};

static void recv_netlink(void* argument) {
  struct Netlink* netlink = argument;
  char text[64];
  struct sockaddr_nl from = {0};
  socklen_t size = sizeof from;
  CHECK_EQ(recvfrom(netlink->receiver, text, sizeof text, 0, (struct sockaddr*)&from, &size), 5);
  CHECK_EQ(size, sizeof from);
  CHECK_EQ(from.nl_family, AF_NETLINK);
  CHECK_EQ(memcmp(text, "hello", 5), 0);
}

static void send_netlink(void* argument) {
  struct Netlink* netlink = argument;
  CHECK_EQ(sendto(netlink->sender, "hello", 5, 0, (struct sockaddr*)&netlink->address, sizeof netlink->address), 5);
}

CASE(netlink) {
  struct Netlink netlink = {socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK),
                            socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK),
                            {.nl_family = AF_NETLINK}};
  socklen_t size = sizeof netlink.address;
  CHECK(netlink.receiver >= 0 && netlink.sender >= 0);
  CHECK_EQ(bind(netlink.receiver, (struct sockaddr*)&netlink.address, size), 0);
  CHECK_EQ(getsockname(netlink.receiver, (struct sockaddr*)&netlink.address, &size), 0);
  meet(recv_netlink, send_netlink, &netlink);
  close(netlink.receiver);
  close(netlink.sender);
}

CASE(calls_that_do_not_fit_the_state) {
  int ends[2];
  char byte;
  struct sockaddr_in address;
  int listener = tcp_listener(1, &address);
  CHECK_FAILS(recv(listener, &byte, 1, 0), ENOTCONN);
  CHECK_FAILS(send(listener, "x", 1, MSG_NOSIGNAL), EPIPE);
  close(listener);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_FAILS(send(fd, "x", 1, 0), EDESTADDRREQ);
  close(fd);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_FAILS(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
  CHECK_FAILS(recv(fd, &byte, 1, 0), EINVAL);
  close(fd);
  open_pair(SOCK_STREAM, ends);
  CHECK_FAILS(sendto(ends[0], "x", 1, 0, (struct sockaddr*)&address, sizeof address), EISCONN);
  CHECK_FAILS(recvmsg(ends[0], (struct msghdr*)8, 0), EFAULT);
  CHECK_FAILS(sendmsg(ends[0], (struct msghdr*)8, 0), EFAULT);
  close_both(ends);
}

static void recv_whole(void* ends) {
  char text[16] = "";
  CHECK_EQ(recv(((int*)ends)[kReadEnd], text, 15, 0), 10);
  CHECK_TEXT(text, "hellohello");
}

static void send_with_more(void* ends) {
  CHECK_EQ(send(((int*)ends)[kWriteEnd], "hello", 5, MSG_MORE), 5);
  CHECK_EQ(send(((int*)ends)[kWriteEnd], "hello", 5, 0), 5);
}

CASE(more_follows) {
  int ends[2];
  open_tcp_pair(ends);
  meet(recv_whole, send_with_more, ends);
  close_both(ends);
  struct sockaddr_in address;
  ends[kReadEnd] = udp_bound(&address);
  ends[kWriteEnd] = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_EQ(connect(ends[kWriteEnd], (struct sockaddr*)&address, sizeof address), 0);
  meet(recv_whole, send_with_more, ends);
  close_both(ends);
}
