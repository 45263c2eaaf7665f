// A descriptor is waited for, then closed by a raw system call, past libc. Its number comes back from each call that
// makes descriptors; and can be waited for.
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "tests/support/raw_close.h"
#include "tests/support/sockets.h"

int __pipe(int*);
int __mq_open_2(const char*, int);

// A number that was waited for and is free now. The pipe's or socket's other end is closed.
static int abandoned(void) {
  static int turn;
  int ends[2];
  turn++ % 2 == 0 ? open_pair(SOCK_STREAM, ends) : open_pipe(ends);
  meet(read_hello, write_hello, ends);
  CHECK(ends[kReadEnd] < ends[kWriteEnd]);
  raw_close(ends[kReadEnd]);
  CHECK_EQ(close(ends[kWriteEnd]), 0);
  return ends[kReadEnd];
}

static void check_pair(int result, int ends[2], int number) {
  CHECK_EQ(result, 0);
  CHECK_EQ(ends[0], number);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

CASE(pipe) {
  int ends[2], number = abandoned();
  check_pair(pipe(ends), ends, number);
  number = abandoned();
  check_pair((int)syscall(SYS_pipe, ends), ends, number);
}

CASE(__pipe) {
  int ends[2], number = abandoned();
  check_pair(__pipe(ends), ends, number);
}

CASE(pipe2) {
  int ends[2], number = abandoned();
  check_pair(pipe2(ends, O_CLOEXEC), ends, number);
  number = abandoned();
  check_pair((int)syscall(SYS_pipe2, ends, 0), ends, number);
}

CASE(socketpair) {
  int ends[2], number = abandoned();
  check_pair(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ends, number);
  number = abandoned();
  check_pair(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), ends, number);
  number = abandoned();
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
    const int number = abandoned();
    int fd = -1;
    if (way == 0) fd = dup(ends[kReadEnd]);
    if (way == 1) fd = fcntl(ends[kReadEnd], F_DUPFD, 0);
    if (way == 2) fd = fcntl(ends[kReadEnd], F_DUPFD_CLOEXEC, 0);
    if (way == 3) fd = (int)syscall(SYS_dup, ends[kReadEnd]);
    check_number(fd, number, ends[kWriteEnd]);
  }
  close_both(ends);
}

CASE(pidfd_getfd) {
  int ends[2];
  open_pipe(ends);
  int self = pidfd_open(getpid(), 0);
  CHECK(self >= 0);
  int number = abandoned();
  check_number(pidfd_getfd(self, ends[kReadEnd], 0), number, ends[kWriteEnd]);
  number = abandoned();
  check_number((int)syscall(SYS_pidfd_getfd, self, ends[kReadEnd], 0), number, ends[kWriteEnd]);
  close(self);
  close_both(ends);
}

CASE(open) {
  char directory[] = "/tmp/evergreen-owner-XXXXXX", name[64];
  CHECK(mkdtemp(directory));
  snprintf(name, sizeof name, "%s/fifo", directory);
  CHECK_EQ(mkfifo(name, 0600), 0);
  int number = abandoned();
  check_number(open(name, O_RDWR), number, number);
  number = abandoned();
  check_number(openat(AT_FDCWD, name, O_RDWR), number, number);
  struct {
    uint64_t flags, mode, resolve;
  } how = {O_RDWR, 0, 0};
  number = abandoned();
  check_number((int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how), number, number);
  unlink(name);
  rmdir(directory);
}

CASE(socket) {
  struct sockaddr_in address;
  for (int way = 0; way < 2; way++) {
    const int number = abandoned();
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
  int number = abandoned();
  int listener = tcp_listener(5, &address);
  CHECK_EQ(listener, number);
  meet(accept_first, connect_to, &listener);
  int ends[2] = {-1, tcp_connected(&address)};
  number = abandoned();
  ends[kReadEnd] = accept(listener, NULL, NULL);
  CHECK_EQ(ends[kReadEnd], number);
  meet(read_hello, write_hello, ends);
  close_both(ends);
  close(listener);
}

// What has no other end: it is waited for by poll, then read.
struct Source {
  int fd;
  void (*rouse)(struct Source*);
  int other;
};

static void await_source(void* source) {
  char bytes[1024];
  int fd = ((struct Source*)source)->fd;
  struct pollfd state = {fd, POLLIN, 0};
  CHECK_EQ(poll(&state, 1, -1), 1);
  CHECK(read(fd, bytes, sizeof bytes) > 0);
}

static void rouse_source(void* source) { ((struct Source*)source)->rouse(source); }

static void check_source(int fd, int number, void (*rouse)(struct Source*)) {
  struct Source source = {fd, rouse, -1};
  CHECK_EQ(fd, number);
  meet(await_source, rouse_source, &source);
  CHECK_EQ(close(fd), 0);
}

static void add_event(struct Source* source) { CHECK_EQ(eventfd_write(source->fd, 1), 0); }

CASE(eventfd) {
  int number = abandoned();
  check_source(eventfd(0, 0), number, add_event);
  number = abandoned();
  check_source((int)syscall(SYS_eventfd2, 0, EFD_CLOEXEC), number, add_event);
  number = abandoned();
  check_source((int)syscall(SYS_eventfd, 0), number, add_event);
}

static void arm(struct Source* source) {
  const struct itimerspec soon = {.it_value.tv_nsec = 1000};
  CHECK_EQ(timerfd_settime(source->fd, 0, &soon, NULL), 0);
}

CASE(timerfd_create) {
  int number = abandoned();
  check_source(timerfd_create(CLOCK_MONOTONIC, 0), number, arm);
  number = abandoned();
  check_source((int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), number, arm);
}

static void raise_signal(struct Source* source) {
  (void)source;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

CASE(signalfd) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
  int number = abandoned();
  check_source(signalfd(-1, &set, 0), number, raise_signal);
  number = abandoned();
  check_source((int)syscall(SYS_signalfd4, -1, &set, 8, 0), number, raise_signal);
  number = abandoned();
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  CHECK_EQ(fd, number);
  sigaddset(&set, SIGUSR2);
  CHECK_EQ(signalfd(fd, &set, SFD_NONBLOCK), fd);  // another mask
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
  close(fd);
}

static char watched[] = "/tmp/evergreen-owner-XXXXXX";

static void touch(struct Source* source) {
  (void)source;
  close(open(watched, O_RDONLY | O_DIRECTORY));
}

CASE(inotify_init) {
  CHECK(mkdtemp(watched));
  for (int way = 0; way < 4; way++) {
    const int number = abandoned();
    int fd = -1;
    if (way == 0) fd = inotify_init();
    if (way == 1) fd = inotify_init1(0);
    if (way == 2) fd = (int)syscall(SYS_inotify_init);
    if (way == 3) fd = (int)syscall(SYS_inotify_init1, 0);
    CHECK(inotify_add_watch(fd, watched, IN_OPEN) >= 0);
    check_source(fd, number, touch);
  }
  rmdir(watched);
}

static void end_child(struct Source* source) { CHECK_EQ(kill(source->other, SIGKILL), 0); }

static void* await_child(void* source) {
  struct pollfd state = {((struct Source*)source)->fd, POLLIN, 0};
  entering();
  CHECK_EQ(poll(&state, 1, -1), 1);
  return NULL;
}

CASE(pidfd_open) {
  for (int way = 0; way < 2; way++) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    const int number = abandoned();
    struct Source source = {way == 0 ? pidfd_open(child, 0) : (int)syscall(SYS_pidfd_open, child, 0), end_child, child};
    CHECK_EQ(source.fd, number);
    pthread_t thread = start(await_child, &source);
    await_entered(way + 1);
    end_child(&source);
    join(thread);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    close(source.fd);
  }
}

static void await_epoll(void* epoll) {
  struct epoll_event event;
  CHECK_EQ(epoll_wait(((struct Source*)epoll)->fd, &event, 1, -1), 1);
  CHECK_EQ(event.data.fd, ((struct Source*)epoll)->other);
  char text[5];
  CHECK_EQ(read(((struct Source*)epoll)->other, text, 5), 5);
}

static void rouse_epoll(void* epoll) { ((struct Source*)epoll)->rouse(epoll); }

static int epoll_writer;
static void write_to_epolled(struct Source* source) {
  (void)source;
  CHECK_EQ(write(epoll_writer, "hello", 5), 5);
}

CASE(epoll_create) {
  int ends[2];
  open_pipe(ends);
  epoll_writer = ends[kWriteEnd];
  for (int way = 0; way < 4; way++) {
    const int number = abandoned();
    int fd = -1;
    if (way == 0) fd = epoll_create(1);
    if (way == 1) fd = epoll_create1(0);
    if (way == 2) fd = (int)syscall(SYS_epoll_create, 1);
    if (way == 3) fd = (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
    CHECK_EQ(fd, number);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[kReadEnd]};
    CHECK_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, ends[kReadEnd], &event), 0);
    struct Source source = {fd, write_to_epolled, ends[kReadEnd]};
    meet(await_epoll, rouse_epoll, &source);
    close(fd);
  }
  close_both(ends);
}

static void read_line(void* terminal) {
  char text[16] = "";
  CHECK_EQ(read(((int*)terminal)[kReadEnd], text, sizeof text), 6);
}

static void type_line(void* terminal) { CHECK_EQ(write(((int*)terminal)[kWriteEnd], "hello\n", 6), 6); }

CASE(posix_openpt) {
  for (int way = 0; way < 3; way++) {
    const int number = abandoned();
    int terminal[2];
    if (way < 2) {
      terminal[kWriteEnd] = way == 0 ? posix_openpt(O_RDWR | O_NOCTTY) : getpt();
      CHECK_EQ(unlockpt(terminal[kWriteEnd]), 0);
      terminal[kReadEnd] = open(ptsname(terminal[kWriteEnd]), O_RDWR | O_NOCTTY);
    } else {
      CHECK_EQ(openpty(&terminal[kWriteEnd], &terminal[kReadEnd], NULL, NULL, NULL), 0);
    }
    CHECK_EQ(terminal[kWriteEnd], number);
    CHECK(terminal[kReadEnd] >= 0);
    meet(read_line, type_line, terminal);
    CHECK_EQ(write(terminal[kReadEnd], "x\n", 2), 2);
    struct pollfd state = {terminal[kWriteEnd], POLLIN, 0};
    CHECK_EQ(poll(&state, 1, -1), 1);
    close_both(terminal);
  }
}

static void await_message(void* source) {
  char text[16];
  struct pollfd state = {((struct Source*)source)->fd, POLLIN, 0};
  CHECK_EQ(poll(&state, 1, -1), 1);
  CHECK_EQ(mq_receive(state.fd, text, sizeof text, NULL), 5);
}

static void post_message(void* source) { CHECK_EQ(mq_send(((struct Source*)source)->fd, "hello", 5, 0), 0); }

CASE(mq_open) {
  char name[64];
  snprintf(name, sizeof name, "/evergreen-%d", getpid());
  struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 16};
  mqd_t first = mq_open(name, O_RDWR | O_CREAT, 0600, &attributes);
  CHECK(first >= 0);
  for (int way = 0; way < 3; way++) {
    const int number = abandoned();
    struct Source source = {-1, NULL, -1};
    if (way == 0) source.fd = mq_open(name, O_RDWR);
    if (way == 1) source.fd = __mq_open_2(name, O_RDWR);
    if (way == 2) source.fd = (int)syscall(SYS_mq_open, name + 1, O_RDWR, 0, NULL);
    CHECK_EQ(source.fd, number);
    meet(await_message, post_message, &source);
    CHECK_EQ(mq_close(source.fd), 0);
  }
  CHECK_EQ(mq_close(first), 0);
  CHECK_EQ(mq_unlink(name), 0);
}

// Only in the way: nobody waits for it.
CASE(memfd_create) {
  const int number = abandoned();
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
