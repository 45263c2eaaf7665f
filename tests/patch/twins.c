// The second names under which libc exports what waits for descriptors or time: __read and its like.
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

ssize_t __read(int, void*, size_t);
ssize_t __write(int, const void*, size_t);
ssize_t __send(int, const void*, size_t, int);
int __close(int);
int __connect(int, const struct sockaddr*, socklen_t);
int __dup2(int, int);
int __nanosleep(const struct timespec*, struct timespec*);
int __poll(struct pollfd*, nfds_t, int);
int __sched_yield(void);
int __select(int, fd_set*, fd_set*, fd_set*, struct timeval*);

static void twin_read_hello(void* ends) {
  char text[16] = "";
  CHECK_EQ(__read(((int*)ends)[kReadEnd], text, sizeof text), 5);
  CHECK_TEXT(text, "hello");
}

static void twin_send_hello(void* ends) { CHECK_EQ(__send(((int*)ends)[kWriteEnd], "hello", 5, 0), 5); }

CASE(__read) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(twin_read_hello, twin_send_hello, ends);
  close_both(ends);
}

static void twin_write_large(void* ends) { CHECK_EQ(__write(((int*)ends)[kWriteEnd], large, kLarge), kLarge); }

static void twin_send_large(void* ends) { CHECK_EQ(__send(((int*)ends)[kWriteEnd], large, kLarge, 0), kLarge); }

CASE(__write) {
  int ends[2];
  open_pipe(ends);
  meet(twin_write_large, drain_large, ends);
  close_both(ends);
}

CASE(__send) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(twin_send_large, drain_large, ends);
  close_both(ends);
}

CASE(__close) {
  int ends[2], again[2];
  for (int i = 0; i < 20; i++) {
    open_pair(SOCK_STREAM, ends);
    meet(read_hello, write_hello, ends);
    set_nonblocking(ends[kReadEnd], 1);
    CHECK_FAILS(read(ends[kReadEnd], again, 1), EAGAIN);
    CHECK_EQ(__close(ends[0]), 0);
    CHECK_EQ(__close(ends[1]), 0);
    open_pair(SOCK_STREAM, again);
    CHECK_EQ(again[0], ends[0]);
    meet(read_hello, write_hello, again);  // what was known of the old one does not hold
    close_both(again);
  }
  CHECK_FAILS(__close(ends[0]), EBADF);
}

int plain_fcntl(int, int, ...) __asm__("fcntl");
int large_fcntl(int, int, ...) __asm__("fcntl64");
int __fcntl(int, int, ...);

static void check_flags_set_by(int (*change)(int, int, ...)) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  for (int i = 0; i < 2; i++) {
    int other = change(ends[kReadEnd], F_DUPFD_CLOEXEC, 40);
    CHECK(other >= 40);
    meet(read_hello, write_hello, (int[]){other, ends[kWriteEnd]});
    CHECK_EQ(change(other, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(change(ends[kReadEnd], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_FAILS(read(ends[kReadEnd], &other, 1), EAGAIN);
    CHECK_FAILS(read(other, &other, 1), EAGAIN);
    CHECK_EQ(change(ends[kReadEnd], F_SETFL, 0), 0);
    meet(read_hello, write_hello, (int[]){other, ends[kWriteEnd]});
    close(other);
  }
  close_both(ends);
}

CASE(fcntl) { check_flags_set_by(plain_fcntl); }
CASE(fcntl64) { check_flags_set_by(large_fcntl); }
CASE(__fcntl) { check_flags_set_by(__fcntl); }

CASE(__dup2) {
  int ends[2], old[2];
  open_pair(SOCK_STREAM, ends);
  open_pair(SOCK_STREAM, old);
  meet(read_hello, write_hello, old);
  CHECK_EQ(__dup2(ends[kReadEnd], old[kReadEnd]), old[kReadEnd]);
  meet(read_hello, write_hello, (int[]){old[kReadEnd], ends[kWriteEnd]});
  close_both(ends);
  close_both(old);
}

struct Server {
  int listener, first;
  struct sockaddr_in address;
};

static void connect_to_full_backlog(void* argument) {
  struct Server* server = argument;
  char byte;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ(__connect(fd, (struct sockaddr*)&server->address, sizeof server->address), 0);
  check_blocking(fd);
  CHECK_EQ(read(fd, &byte, 1), 0);
  close(fd);
  close(server->first);
  server->first = tcp_connected(&server->address);
}

static void accept_both(void* argument) {
  for (int i = 0; i < 2; i++) close(accept(((struct Server*)argument)->listener, NULL, NULL));
}

CASE(__connect) {
  struct Server server;
  server.listener = tcp_listener(0, &server.address);
  server.first = tcp_connected(&server.address);
  meet(connect_to_full_backlog, accept_both, &server);
  close(server.first);
  close(server.listener);
}

static void sleep_until_told(void* is_told) {
  while (!is_set(is_told)) CHECK_EQ(__nanosleep(&(struct timespec){0, 1000}, NULL), 0);
  *(int*)is_told = 0;
}

static void yield_until_told(void* is_told) {
  while (!is_set(is_told)) CHECK_EQ(__sched_yield(), 0);
  *(int*)is_told = 0;
}

static void tell(void* is_told) { set_flag(is_told); }

CASE(__nanosleep) {
  int is_told = 0;
  meet(sleep_until_told, tell, &is_told);
}

CASE(__sched_yield) {
  int is_told = 0;
  meet(yield_until_told, tell, &is_told);
}

static void poll_hello(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], POLLIN, 0};
  CHECK_EQ(__poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLIN);
  read_hello(ends);
}

CASE(__poll) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(poll_hello, write_hello, ends);
  close_both(ends);
}

static void select_hello(void* ends) {
  fd_set to_read;
  FD_ZERO(&to_read);
  FD_SET(((int*)ends)[kReadEnd], &to_read);
  CHECK_EQ(__select(FD_SETSIZE, &to_read, NULL, NULL, NULL), 1);
  read_hello(ends);
}

CASE(__select) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(select_hello, write_hello, ends);
  close_both(ends);
}
