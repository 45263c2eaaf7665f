// A descriptor is waited for, then closed by a raw system call, past libc. Its number comes back from each call that
// makes descriptors; and can be waited for.
#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "tests/support/case.h"
#include "tests/support/raw_close.h"
#include "tests/support/sockets.h"

int __pipe(int*);

static void check_pair(int result, int ends[2], int number) {
  CHECK_EQ(result, 0);
  CHECK_EQ(ends[0], number);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

CASE(pipe) {
  int ends[2], number = abandoned_number();
  check_pair(pipe(ends), ends, number);
  number = abandoned_number();
  check_pair((int)syscall(SYS_pipe, ends), ends, number);
}

CASE(__pipe) {
  int ends[2], number = abandoned_number();
  check_pair(__pipe(ends), ends, number);
}

CASE(pipe2) {
  int ends[2], number = abandoned_number();
  check_pair(pipe2(ends, O_CLOEXEC), ends, number);
  number = abandoned_number();
  check_pair((int)syscall(SYS_pipe2, ends, 0), ends, number);
}

CASE(socketpair) {
  int ends[2], number = abandoned_number();
  check_pair(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ends, number);
  number = abandoned_number();
  check_pair(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), ends, number);
  number = abandoned_number();
  check_pair((int)syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends), ends, number);
}

// Two numbers of one pipe, of which `fd` is the one to wait at.
static void check_number(int fd, int number, int writer) {
  CHECK_EQ(fd, number);
  meet(read_hello, write_hello, (int[]){fd, writer});
  CHECK_EQ(close(fd), 0);
}

CASE(dup) {
  int ends[2];
  open_pipe(ends);
  for (int way = 0; way < 4; way++) {
    const int number = abandoned_number();
    int fd = -1;
    if (way == 0) fd = dup(ends[kReadEnd]);
    if (way == 1) fd = fcntl(ends[kReadEnd], F_DUPFD, 0);
    if (way == 2) fd = fcntl(ends[kReadEnd], F_DUPFD_CLOEXEC, 0);
    if (way == 3) fd = (int)syscall(SYS_dup, ends[kReadEnd]);
    check_number(fd, number, ends[kWriteEnd]);
  }
  close_both(ends);
}

static int passed(int over[2], int fd, int way) {
  char byte = 'd';
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec part = {&byte, 1};
  struct mmsghdr message = {
      {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control}, 0};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message.msg_hdr);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  CHECK_EQ(sendmsg(over[kWriteEnd], &message.msg_hdr, 0), 1);
  if (way == 0) CHECK_EQ(recvmsg(over[kReadEnd], &message.msg_hdr, 0), 1);
  if (way == 1) CHECK_EQ(recvmmsg(over[kReadEnd], &message, 1, 0, NULL), 1);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message.msg_hdr)), sizeof fd);
  return fd;
}

CASE(recvmsg) {
  int over[2], ends[2];
  open_pair(SOCK_STREAM, over);
  open_pipe(ends);
  for (int way = 0; way < 2; way++) {
    const int number = abandoned_number();
    check_number(passed(over, ends[kReadEnd], way), number, ends[kWriteEnd]);
  }
  close_both(ends);
  close_both(over);
}

CASE(pidfd_getfd) {
  int ends[2];
  open_pipe(ends);
  int self = pidfd_open(getpid(), 0);
  CHECK(self >= 0);
  int number = abandoned_number();
  check_number(pidfd_getfd(self, ends[kReadEnd], 0), number, ends[kWriteEnd]);
  number = abandoned_number();
  check_number((int)syscall(SYS_pidfd_getfd, self, ends[kReadEnd], 0), number, ends[kWriteEnd]);
  close(self);
  close_both(ends);
}

CASE(open) {
  char directory[] = "/tmp/evergreen-owner-XXXXXX", name[64];
  CHECK(mkdtemp(directory));
  snprintf(name, sizeof name, "%s/fifo", directory);
  CHECK_EQ(mkfifo(name, 0600), 0);
  int number = abandoned_number();
  check_number(open(name, O_RDWR), number, number);
  number = abandoned_number();
  check_number(openat(AT_FDCWD, name, O_RDWR), number, number);
  struct {
    uint64_t flags, mode, resolve;
  } how = {O_RDWR, 0, 0};
  number = abandoned_number();
  check_number((int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how), number, number);
  unlink(name);
  rmdir(directory);
}

CASE(socket) {
  struct sockaddr_in address;
  for (int way = 0; way < 2; way++) {
    const int number = abandoned_number();
    const int fd =
        way == 0 ? socket(AF_INET, SOCK_DGRAM, 0) : (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(fd, number);
    const int other = udp_bound(&address);
    CHECK_EQ(connect(fd, (struct sockaddr*)&address, sizeof address), 0);
    socklen_t size = sizeof address;
    CHECK_EQ(getsockname(fd, (struct sockaddr*)&address, &size), 0);
    CHECK_EQ(connect(other, (struct sockaddr*)&address, size), 0);
    int ends[] = {fd, other};
    meet(read_hello, write_hello, ends);
    close_both(ends);
  }
}

static void accept_first(void* listener) {
  int fd = accept(*(int*)listener, NULL, NULL);
  CHECK(fd >= 0);
  close(fd);
}

static void connect_to(void* listener) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  CHECK_EQ(getsockname(*(int*)listener, (struct sockaddr*)&address, &size), 0);
  close(tcp_connected(&address));
}

CASE(accept) {
  struct sockaddr_in address;
  int number = abandoned_number();
  int listener = tcp_listener(5, &address);
  CHECK_EQ(listener, number);
  meet(accept_first, connect_to, &listener);
  int ends[2] = {-1, tcp_connected(&address)};
  number = abandoned_number();
  ends[kReadEnd] = accept(listener, NULL, NULL);
  CHECK_EQ(ends[kReadEnd], number);
  meet(read_hello, write_hello, ends);
  close_both(ends);
  close(listener);
}

// Only in the way: nobody waits for it.
CASE(memfd_create) {
  const int number = abandoned_number();
  char text[8] = "";
  int fd = memfd_create("evergreen", 0);
  CHECK_EQ(fd, number);
  CHECK_EQ(write(fd, "hello", 5), 5);
  CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
  CHECK_EQ(read(fd, text, 8), 5);
  CHECK_TEXT(text, "hello");
  close(fd);
}

CASE(errors) {
  volatile int wrong = -1;
  CHECK_FAILS(socket(wrong, SOCK_STREAM, 0), EAFNOSUPPORT);
  CHECK_FAILS(pipe2((int[2]){0, 0}, wrong), EINVAL);
  CHECK_FAILS(eventfd(0, wrong), EINVAL);
  CHECK_FAILS(timerfd_create(wrong, 0), EINVAL);
  CHECK_FAILS(epoll_create(0), EINVAL);
  CHECK_FAILS(epoll_create1(wrong), EINVAL);
  CHECK_FAILS(inotify_init1(wrong), EINVAL);
  CHECK_FAILS(memfd_create("x", (unsigned)wrong), EINVAL);
  CHECK_FAILS(pidfd_open(wrong, 0), EINVAL);
  CHECK_FAILS(pidfd_getfd(wrong, 0, 0), EBADF);
  CHECK_FAILS(mq_open("/evergreen-none", O_RDWR), ENOENT);
  CHECK_FAILS(fanotify_init((unsigned)wrong, 0), EINVAL);
  int* volatile nowhere = (int*)1;
  CHECK_FAILS(pipe(nowhere), EFAULT);
  CHECK_FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere), EFAULT);
}
