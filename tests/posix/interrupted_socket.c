// Handlers during calls on sockets: signal(7).
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/un.h>

#include "tests/posix/holds.h"
#include "tests/support/interrupted.h"
#include "tests/support/sockets.h"

static int ends[2], listener, client, accepted, waiting[4];
static struct sockaddr_in address;
static struct sockaddr_un name;
static size_t filled;
static char byte;
static struct iovec vector = {&byte, 1};
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
static struct mmsghdr many = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};

static void open_empty(void) { open_pair(SOCK_STREAM, ends); }
static void open_full(void) {
  open_pair(SOCK_STREAM, ends);
  filled = fill(ends[0]);
}
static void open_empty_tcp(void) { open_tcp_pair(ends); }
static void open_full_tcp(void) {
  open_slow_tcp_pair(ends);
  filled = fill(ends[0]);
}
static void set_timeout(int option) {
  struct timeval length = {100, 0};
  CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, option, &length, sizeof length), 0);
}
static void open_empty_timed(void) {
  open_empty_tcp();
  set_timeout(SO_RCVTIMEO);
}
static void open_full_timed(void) {
  open_full_tcp();
  set_timeout(SO_SNDTIMEO);
}
static void close_ends(void) { close_both(ends); }
static void write_one(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }
static void drain_all(void) { drain(ends[1], filled); }

static long call_read(void) { return read(ends[0], &byte, 1); }
static long call_recv(void) { return recv(ends[0], &byte, 1, 0); }
static long call_recvfrom(void) { return recvfrom(ends[0], &byte, 1, 0, NULL, NULL); }
static long call_recvmsg(void) { return recvmsg(ends[0], &message, 0); }
static long call_recvmmsg(void) { return recvmmsg(ends[0], &many, 1, 0, NULL); }
static long call_write(void) { return write(ends[0], "x", 1); }
static long call_send(void) { return send(ends[0], "x", 1, 0); }
static long call_sendto(void) { return sendto(ends[0], "x", 1, 0, NULL, 0); }
static long call_sendmsg(void) { return sendmsg(ends[0], &message, 0); }
static long call_sendmmsg(void) { return sendmmsg(ends[0], &many, 1, 0); }

static const struct Blocking inputs[] = {
    {"read", ", on a socket", open_empty, call_read, write_one, close_ends, 1, restarts},
    {"recv", "", open_empty, call_recv, write_one, close_ends, 1, restarts},
    {"recv", ", on TCP", open_empty_tcp, call_recv, write_one, close_ends, 1, restarts},
    {"recvfrom", "", open_empty, call_recvfrom, write_one, close_ends, 1, restarts},
    {"recvmsg", "", open_empty, call_recvmsg, write_one, close_ends, 1, restarts},
    {"recvmmsg", "", open_empty, call_recvmmsg, write_one, close_ends, 1, restarts},
    {"recv", ", with SO_RCVTIMEO", open_empty_timed, call_recv, write_one, close_ends, 1, never_restarts},
    {"read", ", with SO_RCVTIMEO", open_empty_timed, call_read, write_one, close_ends, 1, never_restarts},
};

static const struct Blocking outputs[] = {
    {"write", ", on a socket", open_full, call_write, drain_all, close_ends, 1, restarts},
    {"send", "", open_full, call_send, drain_all, close_ends, 1, restarts},
    {"send", ", on TCP", open_full_tcp, call_send, drain_all, close_ends, 1, restarts},
    {"sendto", "", open_full, call_sendto, drain_all, close_ends, 1, restarts},
    {"sendmsg", "", open_full, call_sendmsg, drain_all, close_ends, 1, restarts},
    {"sendmmsg", "", open_full, call_sendmmsg, drain_all, close_ends, 1, restarts},
    {"send", ", with SO_SNDTIMEO", open_full_timed, call_send, drain_all, close_ends, 1, never_restarts},
};

static void open_listener(void) { listener = tcp_listener(5, &address); }
static void close_listener(void) {
  close(listener);
  if (accepted >= 0) close(accepted);
  if (client > 0) close(client);
  client = 0;
}
static void connect_client(void) { client = tcp_connected(&address); }
static long take(int result) {
  accepted = result;
  return result < 0 ? -1 : 0;
}
static long call_accept(void) { return take(accept(listener, NULL, NULL)); }
static long call_accept4(void) { return take(accept4(listener, NULL, NULL, SOCK_CLOEXEC)); }
static void open_timed_listener(void) {
  struct timeval length = {100, 0};
  open_listener();
  CHECK_EQ(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &length, sizeof length), 0);
}

// A listener whose queue is full.
static void open_full_listener(void) {
  name = (struct sockaddr_un){.sun_family = AF_UNIX};
  socklen_t size = sizeof(sa_family_t);
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(bind(listener, (struct sockaddr*)&name, size), 0);
  size = sizeof name;
  CHECK_EQ(getsockname(listener, (struct sockaddr*)&name, &size), 0);
  CHECK_EQ(listen(listener, 0), 0);
  waiting[0] = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(connect(waiting[0], (struct sockaddr*)&name, size), 0);
  client = socket(AF_UNIX, SOCK_STREAM, 0);
  accepted = -1;
}
static void open_full_timed_listener(void) {
  open_full_listener();
  ends[0] = client;
  set_timeout(SO_SNDTIMEO);
}
static long call_connect(void) {
  return connect(client, (struct sockaddr*)&name, sizeof(sa_family_t) + 6);  // autobind gives six bytes
}
static void accept_one(void) { CHECK_EQ(call_accept(), 0); }
static void close_full_listener(void) {
  close(waiting[0]);
  close_listener();
}

static const struct Blocking connections[] = {
    {"accept", "", open_listener, call_accept, connect_client, close_listener, 0, restarts},
    {"accept4", "", open_listener, call_accept4, connect_client, close_listener, 0, restarts},
    {"accept", ", with SO_RCVTIMEO", open_timed_listener, call_accept, connect_client, close_listener, 0,
     never_restarts},
    {"connect", "", open_full_listener, call_connect, accept_one, close_full_listener, 0, restarts},
    {"connect", ", with SO_SNDTIMEO", open_full_timed_listener, call_connect, accept_one, close_full_listener, 0,
     never_restarts},
};

CASE(inputs) { STATE(inputs); }

CASE(outputs) { STATE(outputs); }

CASE(connections) { STATE(connections); }
