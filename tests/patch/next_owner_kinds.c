// As next_owner.c: calls that make descriptors without another end.
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/raw_close.h"
#include "tests/support/sockets.h"

int __mq_open_2(const char*, int);

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
  int number = abandoned_number();
  check_source(eventfd(0, 0), number, add_event);
  number = abandoned_number();
  check_source((int)syscall(SYS_eventfd2, 0, EFD_CLOEXEC), number, add_event);
  number = abandoned_number();
  check_source((int)syscall(SYS_eventfd, 0), number, add_event);
}

static void arm(struct Source* source) {
  const struct itimerspec soon = {.it_value.tv_nsec = 1000};
  CHECK_EQ(timerfd_settime(source->fd, 0, &soon, NULL), 0);
}

CASE(timerfd_create) {
  int number = abandoned_number();
  check_source(timerfd_create(CLOCK_MONOTONIC, 0), number, arm);
  number = abandoned_number();
  check_source((int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0), number, arm);
}

static void raise_signal(struct Source* source) {
  (void)source;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

// In all threads.
__attribute__((constructor)) static void block_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

CASE(signalfd) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  int number = abandoned_number();
  check_source(signalfd(-1, &set, 0), number, raise_signal);
  number = abandoned_number();
  check_source((int)syscall(SYS_signalfd4, -1, &set, 8, 0), number, raise_signal);
  number = abandoned_number();
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  CHECK_EQ(fd, number);
  sigaddset(&set, SIGUSR2);
  CHECK_EQ(signalfd(fd, &set, SFD_NONBLOCK), fd);  // another mask
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
    const int number = abandoned_number();
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
    const int number = abandoned_number();
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
    const int number = abandoned_number();
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

CASE(posix_openpt) {
  for (int way = 0; way < 3; way++) {
    const int number = abandoned_number();
    int ends[2];
    if (way < 2) {
      ends[kReadEnd] = way == 0 ? posix_openpt(O_RDWR | O_NOCTTY) : getpt();
      CHECK_EQ(unlockpt(ends[kReadEnd]), 0);
      ends[kWriteEnd] = open(ptsname(ends[kReadEnd]), O_RDWR | O_NOCTTY);
    } else {
      CHECK_EQ(openpty(&ends[kReadEnd], &ends[kWriteEnd], NULL, NULL, NULL), 0);
    }
    CHECK_EQ(ends[kReadEnd], number);
    CHECK(ends[kWriteEnd] >= 0);
    meet(read_hello, write_hello, ends);
    close_both(ends);
  }
}

static void read_from_child(void* ends) {
  char text[16] = "";
  CHECK_EQ(read(((int*)ends)[kReadEnd], text, sizeof text), 5);
  CHECK_TEXT(text, "hello");
}

CASE(popen) {
  char directory[] = "/tmp/evergreen-owner-XXXXXX", command[80];
  CHECK(mkdtemp(directory));
  snprintf(command, sizeof command, "exec cat %s/fifo", directory);
  CHECK_EQ(mkfifo(command + strlen("exec cat "), 0600), 0);
  int fifo = open(command + strlen("exec cat "), O_RDWR | O_CLOEXEC);  // or cat would hold it, too
  const int number = abandoned_number();
  FILE* stream = popen(command, "r");
  CHECK(stream);
  int ends[] = {fileno(stream), fifo};
  CHECK_EQ(ends[kReadEnd], number);
  meet(read_from_child, write_hello, ends);
  unlink(command + strlen("exec cat "));
  rmdir(directory);
  CHECK_EQ(close(fifo), 0);
  CHECK_EQ(pclose(stream), 0);
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
    const int number = abandoned_number();
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
