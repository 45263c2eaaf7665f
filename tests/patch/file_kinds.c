// read and write on other kinds of files, which the kernel treats each in its own way: eventfd, timerfd, terminals, ...
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

CASE(regular_files) {
  char name[] = "/tmp/evergreen-io-XXXXXX";
  int fd = mkstemp(name);
  CHECK(fd >= 0);
  unlink(name);
  CHECK_EQ(write(fd, large, kLarge), kLarge);
  CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
  drain_pattern(fd, kLarge);
  char bytes[100] = "not zero";
  CHECK_EQ(read(fd, bytes, 1), 0);
  close(fd);
  int zero = open("/dev/zero", O_RDWR);
  CHECK_EQ(read(zero, bytes, sizeof bytes), sizeof bytes);
  CHECK_TEXT(bytes, "");
  CHECK_EQ(write(zero, bytes, sizeof bytes), sizeof bytes);
  close(zero);
}

static void read_event(void* fd) {
  uint64_t value = 0;
  CHECK_EQ(read(*(int*)fd, &value, sizeof value), 8);
  CHECK_EQ(value, 3);
}

static void write_event(void* fd) {
  uint64_t value = 3;
  check_blocking(*(int*)fd);
  CHECK_EQ(write(*(int*)fd, &value, sizeof value), 8);
}

static void read_event_by_name(void* fd) {
  eventfd_t value = 0;
  errno = ENOTTY;
  CHECK_EQ(eventfd_read(*(int*)fd, &value), 0);
  CHECK_EQ(errno, ENOTTY);
  CHECK_EQ(value, 3);
}

CASE(eventfd_read) {
  int fd = eventfd(0, 0);
  meet(read_event, write_event, &fd);
  meet(read_event_by_name, write_event, &fd);
  set_nonblocking(fd, 1);
  eventfd_t value;
  CHECK_FAILS(eventfd_read(fd, &value), EAGAIN);
  CHECK_FAILS(eventfd_read(-1, &value), EBADF);
  close(fd);
}

static void write_to_full_event(void* fd) {
  uint64_t most = UINT64_MAX - 1, one = 1;
  CHECK_EQ(write(*(int*)fd, &most, sizeof most), 8);
  CHECK_EQ(write(*(int*)fd, &one, sizeof one), 8);  // waits
}

static void write_to_full_event_by_name(void* fd) {
  CHECK_EQ(eventfd_write(*(int*)fd, UINT64_MAX - 1), 0);
  CHECK_EQ(eventfd_write(*(int*)fd, 1), 0);  // waits
}

static void empty_event(void* argument) {
  int fd = *(int*)argument;
  uint64_t value = 0;
  struct pollfd full = {fd, POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  check_blocking(fd);
  CHECK_EQ(read(fd, &value, sizeof value), 8);
  CHECK_EQ(value, UINT64_MAX - 1);
  CHECK_EQ(read(fd, &value, sizeof value), 8);
  CHECK_EQ(value, 1);
}

CASE(eventfd_write) {
  int fd = eventfd(0, 0);
  meet(write_to_full_event, empty_event, &fd);
  meet(write_to_full_event_by_name, empty_event, &fd);
  CHECK_FAILS(eventfd_write(fd, UINT64_MAX), EINVAL);
  CHECK_FAILS(eventfd_write(-1, 1), EBADF);
  close(fd);
}

static void read_timer(void* fd) {
  uint64_t expirations = 0;
  CHECK_EQ(read(*(int*)fd, &expirations, sizeof expirations), 8);
  CHECK_EQ(expirations, 1);
}

static void arm_timer(void* fd) {
  struct itimerspec soon = {.it_value.tv_nsec = 1000000};
  check_blocking(*(int*)fd);
  CHECK_EQ(timerfd_settime(*(int*)fd, 0, &soon, NULL), 0);
}

CASE(timerfd) {
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  meet(read_timer, arm_timer, &fd);
  close(fd);
}

static void read_line(void* terminal) {
  char text[16] = "";
  CHECK_EQ(read(((int*)terminal)[kReadEnd], text, sizeof text), 6);
  CHECK_TEXT(text, "hello\n");
}

static void type_line(void* terminal) {
  check_blocking(((int*)terminal)[kReadEnd]);
  CHECK_EQ(write(((int*)terminal)[kWriteEnd], "hello\n", 6), 6);
}

CASE(terminals) {
  int terminal[2];
  CHECK_EQ(openpty(&terminal[kWriteEnd], &terminal[kReadEnd], NULL, NULL, NULL), 0);
  meet(read_line, type_line, terminal);
  close_both(terminal);
}

CASE(named_pipes) {
  char directory[] = "/tmp/evergreen-fifo-XXXXXX", name[64];
  CHECK(mkdtemp(directory));
  snprintf(name, sizeof name, "%s/fifo", directory);
  CHECK_EQ(mkfifo(name, 0600), 0);
  int ends[2] = {open(name, O_RDWR), open(name, O_WRONLY)};
  meet(read_hello, write_hello, ends);
  meet(write_large, drain_large, ends);
  close_both(ends);
  unlink(name);
  rmdir(directory);
}
