// connect: what waits, what it returns, what it leaves set.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

#ifndef TCP_FASTOPEN_NO_COOKIE
#define TCP_FASTOPEN_NO_COOKIE 34
#endif

enum { kUntilTimeout = 50 };

struct Server {
  int listener;
  struct sockaddr_in address;
  int first;  // a client that fills the backlog
};

// A listener with a backlog of 0 keeps one connection; the next client's SYN is dropped, and sent again after a second.
static void connect_to_full_backlog(void* argument) {
  struct Server* server = argument;
  char byte = 0;
  int second = tcp_connected(&server->address);
  check_blocking(second);
  read_exactly(server->first, &byte, 1);
  CHECK_EQ(byte, '1');
  read_exactly(second, &byte, 1);
  CHECK_EQ(byte, '2');
  close(server->first);
  close(second);
  server->first = tcp_connected(&server->address);
}

static void accept_both(void* argument) {
  struct Server* server = argument;
  for (char byte = '1'; byte <= '2'; byte++) {
    int fd = accept(server->listener, NULL, NULL);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, &byte, 1), 1);
    close(fd);
  }
}

CASE(connect) {
  struct Server server;
  server.listener = tcp_listener(0, &server.address);
  server.first = tcp_connected(&server.address);
  meet(connect_to_full_backlog, accept_both, &server);
  close(server.first);
  close(server.listener);
}

CASE(connect_with_timeout) {
  struct Server server;
  struct timeval timeout = {0, kUntilTimeout * 1000};
  server.listener = tcp_listener(0, &server.address);
  int first = tcp_connected(&server.address);
  int second = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ(setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), 0);
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(connect(second, (struct sockaddr*)&server.address, sizeof server.address), EINPROGRESS);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= (kUntilTimeout - 1) * 1000000LL);
  CHECK_FAILS(connect(second, (struct sockaddr*)&server.address, sizeof server.address), EALREADY);
  check_blocking(second);
  close(first);
  close(second);
  close(server.listener);
}

CASE(nonblocking_connect) {
  struct Server server;
  server.listener = tcp_listener(0, &server.address);
  int first = tcp_connected(&server.address);
  int second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CHECK_FAILS(connect(second, (struct sockaddr*)&server.address, sizeof server.address), EINPROGRESS);
  CHECK(fcntl(second, F_GETFL) & O_NONBLOCK);
  CHECK_FAILS(connect(second, (struct sockaddr*)&server.address, sizeof server.address), EALREADY);
  struct pollfd writable = {second, POLLOUT, 0};
  CHECK_EQ(poll(&writable, 1, 0), 0);
  close(accept(server.listener, NULL, NULL));
  CHECK_EQ(poll(&writable, 1, -1), 1);
  int error = -1;
  socklen_t size = sizeof error;
  CHECK_EQ(getsockopt(second, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  CHECK_EQ(error, 0);
  close(first);
  close(second);
  close(server.listener);
}

CASE(errors_of_connect) {
  struct Server server;
  server.listener = tcp_listener(5, &server.address);
  int fd = tcp_connected(&server.address);
  CHECK_FAILS(connect(fd, (struct sockaddr*)&server.address, sizeof server.address), EISCONN);
  close(fd);
  close(server.listener);  // nobody listens there now
  fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_FAILS(connect(fd, (struct sockaddr*)&server.address, sizeof server.address), ECONNREFUSED);
  check_blocking(fd);
  CHECK_FAILS(connect(fd, (struct sockaddr*)&server.address, 3), EINVAL);
  close(fd);
  CHECK_FAILS(connect(fd, (struct sockaddr*)&server.address, sizeof server.address), EBADF);
  int ends[2];
  open_pipe(ends);
  CHECK_FAILS(connect(ends[0], (struct sockaddr*)&server.address, sizeof server.address), ENOTSOCK);
  close_both(ends);
}

struct UnixServer {
  int listener;
  struct sockaddr_un address;
  socklen_t size;
  int first;
};

static void listen_unix(struct UnixServer* server) {
  server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  server->address = (struct sockaddr_un){.sun_family = AF_UNIX};
  server->size = sizeof server->address;
  CHECK_EQ(bind(server->listener, (struct sockaddr*)&server->address, sizeof(sa_family_t)), 0);  // picks a name
  CHECK_EQ(getsockname(server->listener, (struct sockaddr*)&server->address, &server->size), 0);
  CHECK_EQ(listen(server->listener, 0), 0);
}

static int unix_connected(const struct UnixServer* server) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(connect(fd, (const struct sockaddr*)&server->address, server->size), 0);
  check_blocking(fd);
  return fd;
}

static void connect_to_full_unix_backlog(void* argument) {
  struct UnixServer* server = argument;
  char byte;
  int second = unix_connected(server);
  CHECK_EQ(read(second, &byte, 1), 0);
  close(server->first);
  close(second);
  server->first = unix_connected(server);
}

static void accept_both_unix(void* argument) {
  for (int i = 0; i < 2; i++) {
    int fd = accept(((struct UnixServer*)argument)->listener, NULL, NULL);
    CHECK(fd >= 0);
    close(fd);
  }
}

// A unix socket has no connection in progress: a full backlog makes connect wait, or give EAGAIN if non-blocking.
CASE(unix_connect) {
  struct UnixServer server;
  listen_unix(&server);
  server.first = unix_connected(&server);
  int refused = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CHECK_FAILS(connect(refused, (struct sockaddr*)&server.address, server.size), EAGAIN);
  meet(connect_to_full_unix_backlog, accept_both_unix, &server);
  close(server.first);
  close(refused);
  close(server.listener);
}

static void connect_until_the_listener_is_gone(void* argument) {
  struct UnixServer* server = argument;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_FAILS(connect(fd, (const struct sockaddr*)&server->address, server->size), ECONNREFUSED);
  close(fd);
  close(server->first);
  listen_unix(server);
  server->first = unix_connected(server);
}

static void close_listener(void* argument) { CHECK_EQ(close(((struct UnixServer*)argument)->listener), 0); }

CASE(unix_connect_ends_when_the_listener_is_closed) {
  struct UnixServer server;
  listen_unix(&server);
  server.first = unix_connected(&server);
  meet(connect_until_the_listener_is_gone, close_listener, &server);
  close(server.first);
  close(server.listener);
}

// The first send opens the connection. Without a cookie of the server's the kernel sends data along only if told to.
static int fast_opener(int connects, int without_cookie) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connects) CHECK_EQ(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on), 0);
  if (without_cookie) CHECK_EQ(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on), 0);
  return fd;
}

static void check_open(int fd, int listener, size_t size) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  check_blocking(fd);
  CHECK_FAILS(connect(fd, (struct sockaddr*)&any, sizeof any), EISCONN);
  close(fd);
  int accepted = accept(listener, NULL, NULL);
  CHECK(accepted >= 0);
  drain_pattern(accepted, size);
  CHECK_EQ(read(accepted, &any, 1), 0);
  close(accepted);
}

CASE(fast_open) {
  struct Server server;
  struct iovec parts[] = {{large, 100}, {large + 100, 20000}};
  for (int without_cookie = 0; without_cookie < 2; without_cookie++) {
    server.listener = tcp_listener(5, &server.address);
    struct sockaddr* to = (struct sockaddr*)&server.address;
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_name = &server.address, .msg_namelen = sizeof server.address};
    int fd = fast_opener(0, without_cookie);
    CHECK_EQ(sendto(fd, large, 30000, MSG_FASTOPEN, to, sizeof server.address), 30000);
    CHECK_FAILS(sendto(fd, large, 1, MSG_FASTOPEN, to, sizeof server.address), EISCONN);
    check_open(fd, server.listener, 30000);
    fd = fast_opener(0, without_cookie);
    CHECK_EQ(sendmsg(fd, &message, MSG_FASTOPEN), 20100);
    check_open(fd, server.listener, 20100);
    fd = fast_opener(1, without_cookie);
    CHECK_EQ(connect(fd, to, sizeof server.address), 0);
    CHECK_EQ(write(fd, large, 30000), 30000);
    check_open(fd, server.listener, 30000);
    close(server.listener);

    fd = fast_opener(0, without_cookie);
    CHECK_FAILS(sendto(fd, large, 5, MSG_FASTOPEN | MSG_NOSIGNAL, to, sizeof server.address), ECONNREFUSED);
    CHECK_FAILS(send(fd, large, 5, MSG_NOSIGNAL), EPIPE);
    close(fd);
    fd = fast_opener(1, without_cookie);
    if (without_cookie) CHECK_EQ(connect(fd, to, sizeof server.address), 0);
    CHECK_FAILS(without_cookie ? send(fd, large, 5, MSG_NOSIGNAL) : connect(fd, to, sizeof server.address),
                ECONNREFUSED);
    CHECK_FAILS(send(fd, large, 5, MSG_NOSIGNAL), EPIPE);
    close(fd);
  }
}

static void open_to_full_backlog(void* argument) {
  struct Server* server = argument;
  char byte = 0;
  int fd = fast_opener(0, 0);
  CHECK_EQ(sendto(fd, large, 5, MSG_FASTOPEN, (struct sockaddr*)&server->address, sizeof server->address), 5);
  read_exactly(fd, &byte, 1);
  CHECK_EQ(byte, '2');
  close(server->first);
  close(fd);
  server->first = tcp_connected(&server->address);
}

CASE(fast_open_waits) {
  struct Server server;
  server.listener = tcp_listener(0, &server.address);
  server.first = tcp_connected(&server.address);
  meet(open_to_full_backlog, accept_both, &server);
  close(server.first);
  close(server.listener);
}

CASE(connections_that_are_dissolved) {
  struct Server server;
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  server.listener = tcp_listener(5, &server.address);
  int fd = tcp_connected(&server.address);
  CHECK_EQ(connect(fd, &none, sizeof none), 0);
  CHECK_FAILS(recv(fd, &none, 1, 0), ECONNRESET);
  CHECK_FAILS(recv(fd, &none, 1, 0), ENOTCONN);
  CHECK_EQ(connect(fd, (struct sockaddr*)&server.address, sizeof server.address), 0);
  CHECK_EQ(send(fd, "hello", 5, 0), 5);
  close(fd);
  close(server.listener);
}

CASE(datagram_sockets_connect_at_once) {
  struct sockaddr_in address;
  char text[16] = "";
  int receiver = udp_bound(&address);
  int sender = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_EQ(connect(sender, (struct sockaddr*)&address, sizeof address), 0);
  CHECK_EQ(send(sender, "hello", 5, 0), 5);
  CHECK_EQ(recv(receiver, text, sizeof text, 0), 5);
  close(receiver);
  close(sender);
}
