// accept and accept4: what waits, what they return, what they leave set.
#include <arpa/inet.h>
#include <fcntl.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kAcceptors = 4, kUntilTimeout = 50 };

struct Server {
  int listener;
  struct sockaddr_in address;
};

static void accept_one(void* argument) {
  struct Server* server = argument;
  struct sockaddr_in peer, own;
  socklen_t peer_size = sizeof peer, own_size = sizeof own;
  char text[16] = "";
  int fd = accept(server->listener, (struct sockaddr*)&peer, &peer_size);
  CHECK(fd >= 0);
  check_blocking(server->listener);
  check_blocking(fd);
  CHECK_EQ(fcntl(fd, F_GETFD), 0);
  CHECK_EQ(peer_size, sizeof peer);
  CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  CHECK_EQ(getsockname(fd, (struct sockaddr*)&own, &own_size), 0);
  CHECK_EQ(own.sin_port, server->address.sin_port);
  read_exactly(fd, text, 5);
  CHECK_TEXT(text, "hello");
  close(fd);
}

static void connect_one(void* argument) {
  struct Server* server = argument;
  char byte;
  check_blocking(server->listener);
  int fd = tcp_connected(&server->address);
  check_blocking(fd);
  CHECK_EQ(write(fd, "hello", 5), 5);
  CHECK_EQ(read(fd, &byte, 1), 0);
  close(fd);
}

CASE(accept) {
  struct Server server;
  server.listener = tcp_listener(5, &server.address);
  meet(accept_one, connect_one, &server);
  close(server.listener);
}

static void accept4_one(void* argument) {
  struct Server* server = argument;
  int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  CHECK(fd >= 0);
  CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  check_blocking(server->listener);
  close(fd);
}

static void connect_and_await_close(void* argument) {
  struct Server* server = argument;
  char byte;
  int fd = tcp_connected(&server->address);
  CHECK_EQ(read(fd, &byte, 1), 0);
  close(fd);
}

CASE(accept4) {
  struct Server server;
  server.listener = tcp_listener(5, &server.address);
  meet(accept4_one, connect_and_await_close, &server);
  CHECK_FAILS(accept4(server.listener, NULL, NULL, 0x7), EINVAL);
  close(server.listener);
}

static void* accept_and_echo(void* argument) {
  struct Server* server = argument;
  char byte;
  entering();
  int fd = accept(server->listener, NULL, NULL);
  CHECK(fd >= 0);
  read_exactly(fd, &byte, 1);
  CHECK_EQ(write(fd, &byte, 1), 1);
  close(fd);
  return NULL;
}

CASE(several_threads_accept_on_one_socket) {
  struct Server server;
  pthread_t threads[kAcceptors];
  int clients[kAcceptors];
  server.listener = tcp_listener(kAcceptors, &server.address);
  for (int i = 0; i < kAcceptors; i++) threads[i] = start(accept_and_echo, &server);
  await_entered(kAcceptors);
  for (int i = 0; i < kAcceptors; i++) clients[i] = tcp_connected(&server.address);
  for (int i = 0; i < kAcceptors; i++) {
    char byte = (char)i, answer = -1;
    CHECK_EQ(write(clients[i], &byte, 1), 1);
    read_exactly(clients[i], &answer, 1);
    CHECK_EQ(answer, byte);
    close(clients[i]);
  }
  join_all(threads, kAcceptors);
  set_nonblocking(server.listener, 1);
  CHECK_FAILS(accept(server.listener, NULL, NULL), EAGAIN);
  close(server.listener);
}

CASE(accept_with_timeout) {
  struct Server server;
  struct timeval timeout = {0, kUntilTimeout * 1000};
  server.listener = tcp_listener(5, &server.address);
  CHECK_EQ(setsockopt(server.listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
  long long begin = now_ns(CLOCK_MONOTONIC);
  CHECK_FAILS(accept(server.listener, NULL, NULL), EAGAIN);
  CHECK(now_ns(CLOCK_MONOTONIC) - begin >= (kUntilTimeout - 1) * 1000000LL);
  close(server.listener);
}

static void accept_until_shut_down(void* argument) {
  struct Server* server = argument;
  CHECK_FAILS(accept(server->listener, NULL, NULL), EINVAL);
  close(server->listener);
  server->listener = tcp_listener(5, &server->address);
}

static void shut_down_listener(void* argument) { CHECK_EQ(shutdown(((struct Server*)argument)->listener, SHUT_RD), 0); }

CASE(accept_ends_when_the_listener_is_shut_down) {
  struct Server server;
  server.listener = tcp_listener(5, &server.address);
  meet(accept_until_shut_down, shut_down_listener, &server);
  close(server.listener);
}

CASE(errors_of_accept) {
  int ends[2];
  struct sockaddr_in address;
  open_pair(SOCK_STREAM, ends);
  CHECK_FAILS(accept(ends[0], NULL, NULL), EINVAL);
  close_both(ends);
  CHECK_FAILS(accept(ends[0], NULL, NULL), EBADF);
  open_pipe(ends);
  CHECK_FAILS(accept(ends[0], NULL, NULL), ENOTSOCK);
  close_both(ends);
  int datagrams = udp_bound(&address);
  CHECK_FAILS(accept(datagrams, NULL, NULL), EOPNOTSUPP);
  close(datagrams);
}
