// Cancellation points of sockets, POSIX.1-2017 XSH 2.9.5.2, and of message queues.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "tests/posix/holds.h"
#include "tests/support/points.h"
#include "tests/support/sockets.h"

static int ends[2];
static char buffer[100];
static struct iovec piece = {buffer, 1};
static struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

static void open_stream(void) { open_pair(SOCK_STREAM, ends); }
static void close_ends(void) { close_both(ends); }
static void put_byte(void) { CHECK_EQ(send(ends[1], "x", 1, 0), 1); }

static bool is_byte_there(void) {
  if (recv(ends[0], buffer, 2, MSG_DONTWAIT) == 1) return buffer[0] == 'x';
  put_byte();
  return recv(ends[0], buffer, 2, MSG_DONTWAIT) == 1 && buffer[0] == 'x';
}

#define INPUT \
  .end = put_byte, .at_once = put_byte, .prepare = open_stream, .clean = close_ends, .is_unharmed = is_byte_there

static void make_read(void) { CHECK_EQ(read(ends[0], buffer, 1), 1); }
static void make_recv(void) { CHECK_EQ(recv(ends[0], buffer, 1, 0), 1); }
static void make_recvfrom(void) { CHECK_EQ(recvfrom(ends[0], buffer, 1, 0, NULL, NULL), 1); }
static void make_recvmsg(void) { CHECK_EQ(recvmsg(ends[0], &message, 0), 1); }
static void make_recvmmsg(void) {
  struct mmsghdr one = {message, 0};
  CHECK_EQ(recvmmsg(ends[0], &one, 1, 0, NULL), 1);
}

POINT(read, .make = make_read, INPUT)
POINT(recv, .make = make_recv, INPUT)
POINT(recvfrom, .make = make_recvfrom, INPUT)
POINT(recvmsg, .make = make_recvmsg, INPUT)
POINT(recvmmsg, .make = make_recvmmsg, INPUT)

static size_t held;

static void open_full(void) {
  open_stream();
  held = fill(ends[1]);
}

static void drain_all(void) { drain(ends[0], held); }

static bool holds_no_more(void) {
  size_t got = 0;
  for (ssize_t n; (n = recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) got += (size_t)n;
  return got == held;
}

#define OUTPUT .end = drain_all, .prepare = open_full, .clean = close_ends, .is_unharmed = holds_no_more

static void make_write(void) { CHECK_EQ(write(ends[1], buffer, 1), 1); }
static void make_send(void) { CHECK_EQ(send(ends[1], buffer, 1, 0), 1); }
static void make_sendto(void) { CHECK_EQ(sendto(ends[1], buffer, 1, 0, NULL, 0), 1); }
static void make_sendmsg(void) { CHECK_EQ(sendmsg(ends[1], &message, 0), 1); }
static void make_sendmmsg(void) {
  struct mmsghdr one = {message, 0};
  CHECK_EQ(sendmmsg(ends[1], &one, 1, 0), 1);
}

POINT(write, .make = make_write, OUTPUT)
POINT(send, .make = make_send, OUTPUT)
POINT(sendto, .make = make_sendto, OUTPUT)
POINT(sendmsg, .make = make_sendmsg, OUTPUT)
POINT(sendmmsg, .make = make_sendmmsg, OUTPUT)

static int listener, client;
static struct sockaddr_in address;

static void open_listener(void) { listener = tcp_listener(5, &address); }
static void close_listener(void) { close(listener); }
static void come(void) { close(tcp_connected(&address)); }

static void make_accept(void) {
  client = accept(listener, NULL, NULL);
  CHECK(client >= 0);
}

static void make_accept4(void) {
  client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  CHECK(client >= 0);
}

static bool is_connection_there(void) {
  come();
  int fd = accept(listener, NULL, NULL);
  return fd >= 0 && close(fd) == 0;
}

#define ACCEPTS \
  .end = come, .at_once = come, .prepare = open_listener, .clean = close_listener, .is_unharmed = is_connection_there

POINT(accept, .make = make_accept, ACCEPTS)
POINT(accept4, .make = make_accept4, ACCEPTS)

static void open_client(void) {
  open_listener();
  client = socket(AF_INET, SOCK_STREAM, 0);
}

static void close_client(void) {
  close(client);
  close_listener();
}

static void make_connect(void) { CHECK_EQ(connect(client, (struct sockaddr*)&address, sizeof address), 0); }

POINT(connect, .make = make_connect, .prepare = open_client, .clean = close_client)

// Queues of one message.
static mqd_t queue;

static void open_queue(void) {
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 10};
  char name[50];
  snprintf(name, sizeof name, "/evergreen_%d", getpid());
  CHECK((queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes)) >= 0);
  CHECK_EQ(mq_unlink(name), 0);
}

static void close_queue(void) { CHECK_EQ(mq_close(queue), 0); }

static long messages(void) {
  struct mq_attr attributes;
  CHECK_EQ(mq_getattr(queue, &attributes), 0);
  return attributes.mq_curmsgs;
}

static void put_message(void) { CHECK_EQ(mq_send(queue, "x", 1, 0), 0); }
static void take_message(void) { CHECK_EQ(mq_receive(queue, buffer, 10, NULL), 1); }

static void open_full_queue(void) {
  open_queue();
  put_message();
}

static bool is_message_there(void) {
  if (messages() == 0) put_message();
  return messages() == 1;
}

static bool is_one_there(void) { return messages() == 1; }

static struct timespec late(void) { return in_ms(CLOCK_REALTIME, 100000); }
static void make_mq_timedreceive(void) {
  struct timespec until = late();
  CHECK_EQ(mq_timedreceive(queue, buffer, 10, NULL, &until), 1);
}
static void make_mq_timedsend(void) {
  struct timespec until = late();
  CHECK_EQ(mq_timedsend(queue, "x", 1, 0, &until), 0);
}

#define TAKES                                                                              \
  .end = put_message, .at_once = put_message, .prepare = open_queue, .clean = close_queue, \
  .is_unharmed = is_message_there
#define PUTS .end = take_message, .prepare = open_full_queue, .clean = close_queue, .is_unharmed = is_one_there

POINT(mq_receive, .make = take_message, TAKES)
POINT(mq_timedreceive, .make = make_mq_timedreceive, TAKES)
POINT(mq_send, .make = put_message, PUTS)
POINT(mq_timedsend, .make = make_mq_timedsend, PUTS)

static int sysv;

struct Note {
  long type;
  char text[8];
};

static void open_sysv(void) { CHECK((sysv = msgget(IPC_PRIVATE, 0600)) >= 0); }
static void remove_sysv(void) { CHECK_EQ(msgctl(sysv, IPC_RMID, NULL), 0); }

static void put_note(void) {
  struct Note note = {1, "note"};
  CHECK_EQ(msgsnd(sysv, &note, sizeof note.text, 0), 0);
}

static void take_note(void) {
  struct Note note;
  CHECK_EQ(msgrcv(sysv, &note, sizeof note.text, 1, 0), sizeof note.text);
}

static void open_full_sysv(void) {
  struct msqid_ds limits;
  open_sysv();
  CHECK_EQ(msgctl(sysv, IPC_STAT, &limits), 0);
  limits.msg_qbytes = sizeof(struct Note) - sizeof(long);
  CHECK_EQ(msgctl(sysv, IPC_SET, &limits), 0);
  put_note();
}

POINT(msgrcv, .make = take_note, .end = put_note, .at_once = put_note, .prepare = open_sysv, .clean = remove_sysv)
POINT(msgsnd, .make = put_note, .end = take_note, .prepare = open_full_sysv, .clean = remove_sysv)
