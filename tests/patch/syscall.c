// System calls by number that wait for a descriptor or a time.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kMaskSize = 8 };  // the kernel's signal mask

// A byte comes; each function takes it away.
static char byte;

static void write_byte(void* ends) { CHECK_EQ(syscall(SYS_write, ((int*)ends)[kWriteEnd], "x", 1L), 1); }

static void take_byte(int* ends) { CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1); }

static void read_byte(void* ends) {
  errno = 77;
  CHECK_EQ(syscall(SYS_read, ((int*)ends)[kReadEnd], &byte, 1L), 1);
  CHECK_EQ(errno, 77);
}

static void readv_byte(void* ends) {
  struct iovec list = {&byte, 1};
  CHECK_EQ(syscall(SYS_readv, ((int*)ends)[kReadEnd], &list, 1L), 1);
}

static void preadv2_byte(void* ends) {
  struct iovec list = {&byte, 1};
  CHECK_EQ(syscall(SYS_preadv2, ((int*)ends)[kReadEnd], &list, 1L, -1L, 7L, 0L), 1);  // 7: the half that means nothing
}

static void recvfrom_byte(void* ends) {
  CHECK_EQ(syscall(SYS_recvfrom, ((int*)ends)[kReadEnd], &byte, 1L, 0L, NULL, NULL), 1);
}

static void recvmsg_byte(void* ends) {
  struct iovec list = {&byte, 1};
  struct msghdr message = {.msg_iov = &list, .msg_iovlen = 1};
  CHECK_EQ(syscall(SYS_recvmsg, ((int*)ends)[kReadEnd], &message, 0L), 1);
}

static void recvmmsg_byte(void* ends) {
  char byte = 0;
  struct iovec list = {&byte, 1};
  struct mmsghdr message = {{.msg_iov = &list, .msg_iovlen = 1}, 0};
  CHECK_EQ(syscall(SYS_recvmmsg, ((int*)ends)[kReadEnd], &message, 1L, 0L, NULL), 1);
  CHECK_EQ(message.msg_len, 1);
}

static void poll_byte(void* ends) {
  struct pollfd state = {((int*)ends)[kReadEnd], POLLIN, 0};
  CHECK_EQ(syscall(SYS_poll, &state, 1L, -1L), 1);
  take_byte(ends);
}

static void ppoll_byte(void* ends) {
  struct pollfd state = {((int*)ends)[kReadEnd], POLLIN, 0};
  sigset_t mask;
  struct timespec timeout = {100, 0};
  sigemptyset(&mask);
  CHECK_EQ(syscall(SYS_ppoll, &state, 1L, &timeout, &mask, (long)kMaskSize), 1);
  CHECK(timeout.tv_sec < 100 && timeout.tv_sec > 50);
  take_byte(ends);
}

static void select_byte(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  struct timeval timeout = {100, 0};
  CHECK_EQ(syscall(SYS_select, fd + 1L, &set, NULL, NULL, &timeout), 1);
  CHECK(FD_ISSET(fd, &set));
  CHECK(timeout.tv_sec < 100 && timeout.tv_sec > 50);
  take_byte(ends);
}

static void pselect_byte(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  fd_set set;
  sigset_t mask;
  struct timespec timeout = {100, 0};
  struct {
    const sigset_t* mask;
    size_t size;
  } mask_and_size = {&mask, kMaskSize};
  sigemptyset(&mask);
  FD_ZERO(&set);
  FD_SET(fd, &set);
  CHECK_EQ(syscall(SYS_pselect6, fd + 1L, &set, NULL, NULL, &timeout, &mask_and_size), 1);
  CHECK(FD_ISSET(fd, &set));
  CHECK(timeout.tv_sec < 100 && timeout.tv_sec > 50);
  take_byte(ends);
}

static int epoll_of(int* ends) {
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(0);
  CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[kReadEnd], &event), 0);
  return epoll;
}

static void epoll_wait_byte(void* ends) {
  struct epoll_event event;
  int epoll = epoll_of(ends);
  CHECK_EQ(syscall(SYS_epoll_wait, epoll, &event, 1L, -1L), 1);
  take_byte(ends);
  CHECK_EQ(syscall(SYS_close, epoll), 0);
}

static void epoll_pwait_byte(void* ends) {
  struct epoll_event event;
  sigset_t mask;
  int epoll = epoll_of(ends);
  sigemptyset(&mask);
  CHECK_EQ(syscall(SYS_epoll_pwait, epoll, &event, 1L, -1L, &mask, (long)kMaskSize), 1);
  take_byte(ends);
  CHECK_EQ(syscall(SYS_close, epoll), 0);
}

static void epoll_pwait2_byte(void* ends) {
  struct epoll_event event;
  struct timespec length = {100, 0};
  sigset_t mask;
  int epoll = epoll_of(ends);
  sigemptyset(&mask);
  CHECK_EQ(syscall(SYS_epoll_pwait2, epoll, &event, 1L, &length, &mask, (long)kMaskSize), 1);
  take_byte(ends);
  CHECK_EQ(syscall(SYS_close, epoll), 0);
}

CASE(input) {
  void (*calls[])(void*) = {preadv2_byte,    read_byte,        readv_byte,       recvfrom_byte, recvmsg_byte,
                            recvmmsg_byte,   poll_byte,        ppoll_byte,       select_byte,   pselect_byte,
                            epoll_wait_byte, epoll_pwait_byte, epoll_pwait2_byte};
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) meet(calls[i], write_byte, ends);
  close_both(ends);
}

// More than the buffers take; the other side reads and compares it all.
static void write_by_number(void* ends) {
  CHECK_EQ(syscall(SYS_write, ((int*)ends)[kWriteEnd], large, (long)kLarge), (long)kLarge);
}

static void writev_large(void* ends) {
  struct iovec list = {large, kLarge};
  CHECK_EQ(syscall(SYS_writev, ((int*)ends)[kWriteEnd], &list, 1L), (long)kLarge);
}

static void pwritev2_large(void* ends) {
  struct iovec list = {large, kLarge};
  CHECK_EQ(syscall(SYS_pwritev2, ((int*)ends)[kWriteEnd], &list, 1L, -1L, 0L, 0L), (long)kLarge);
}

static void sendto_large(void* ends) {
  CHECK_EQ(syscall(SYS_sendto, ((int*)ends)[kWriteEnd], large, (long)kLarge, 0L, NULL, 0L), (long)kLarge);
}

static void sendmsg_large(void* ends) {
  struct iovec list = {large, kLarge};
  struct msghdr message = {.msg_iov = &list, .msg_iovlen = 1};
  CHECK_EQ(syscall(SYS_sendmsg, ((int*)ends)[kWriteEnd], &message, 0L), (long)kLarge);
}

static void sendmmsg_large(void* ends) {
  struct iovec list = {large, kLarge};
  struct mmsghdr message = {{.msg_iov = &list, .msg_iovlen = 1}, 0};
  CHECK_EQ(syscall(SYS_sendmmsg, ((int*)ends)[kWriteEnd], &message, 1L, 0L), 1);
  CHECK_EQ(message.msg_len, kLarge);
}

CASE(output) {
  void (*calls[])(void*) = {pwritev2_large, write_by_number, writev_large, sendto_large, sendmsg_large, sendmmsg_large};
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) meet(calls[i], drain_large, ends);
  close_both(ends);
}

static struct sockaddr_in address;

static void accept_one(void* listener) {
  int fd = (int)syscall(SYS_accept, *(int*)listener, NULL, NULL);
  CHECK(fd >= 0);
  CHECK_EQ(syscall(SYS_close, fd), 0);
}

static void accept4_one(void* listener) {
  int fd = (int)syscall(SYS_accept4, *(int*)listener, NULL, NULL, (long)SOCK_CLOEXEC);
  CHECK(fd >= 0);
  CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(syscall(SYS_close, fd), 0);
}

static void connect_one(void* listener) {
  (void)listener;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQ(syscall(SYS_connect, fd, &address, (long)sizeof address), 0);
  CHECK_EQ(syscall(SYS_close, fd), 0);
}

// A connection that has to wait for room in the backlog.
struct FullServer {
  struct sockaddr_un address;
  socklen_t size;
  int listener, first;
};

static void connect_to_full(void* argument) {
  struct FullServer* server = argument;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(syscall(SYS_connect, fd, &server->address, (long)server->size), 0);
  CHECK_EQ(close(server->first), 0);
  server->first = fd;
}

static void accept_first(void* argument) {
  int fd = accept(((struct FullServer*)argument)->listener, NULL, NULL);
  CHECK(fd >= 0);
  CHECK_EQ(close(fd), 0);
}

CASE(full_backlog) {
  struct FullServer server = {.address = {.sun_family = AF_UNIX}, .size = sizeof server.address};
  server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(bind(server.listener, (struct sockaddr*)&server.address, sizeof(sa_family_t)), 0);
  CHECK_EQ(getsockname(server.listener, (struct sockaddr*)&server.address, &server.size), 0);
  CHECK_EQ(listen(server.listener, 0), 0);
  server.first = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(connect(server.first, (struct sockaddr*)&server.address, server.size), 0);
  meet(connect_to_full, accept_first, &server);
  CHECK_EQ(close(server.first), 0);
  CHECK_EQ(close(server.listener), 0);
}

CASE(connections) {
  int listener = tcp_listener(16, &address);
  meet(accept_one, connect_one, &listener);
  meet(accept4_one, connect_one, &listener);
  CHECK_EQ(close(listener), 0);
}

// Others run while one sleeps.
static void sleep_until_told(void* told) {
  struct timespec length = {0, 1000000};
  while (!is_set(told)) CHECK_EQ(syscall(SYS_nanosleep, &length, NULL), 0);
  *(int*)told = 0;
}

static void nap_until_told(void* told) {
  struct timespec length = {0, 1000000};
  while (!is_set(told)) CHECK_EQ(syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, &length, NULL), 0);
  *(int*)told = 0;
}

static void yield_until_told(void* told) {
  while (!is_set(told)) CHECK_EQ(syscall(SYS_sched_yield), 0);
  *(int*)told = 0;
}

static void tell(void* told) { set_flag(told); }

CASE(time) {
  void (*calls[])(void*) = {sleep_until_told, nap_until_told, yield_until_told};
  int told = 0;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) meet(calls[i], tell, &told);
}
