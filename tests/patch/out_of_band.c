// Urgent data: who gets it, who waits, who is told.
#include <poll.h>
#include <sys/ioctl.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static void wait_for_urgent(void* ends) {
  int fd = ((int*)ends)[kReadEnd], at_mark = -1;
  char text[16] = "";
  struct pollfd urgent = {fd, POLLPRI, 0};
  CHECK_EQ(poll(&urgent, 1, -1), 1);
  CHECK_EQ(urgent.revents, POLLPRI);
  CHECK_EQ(recv(fd, text, sizeof text, MSG_OOB), 1);
  CHECK_EQ(text[0], '!');
  CHECK_FAILS(recv(fd, text, sizeof text, MSG_OOB), EINVAL);
  CHECK_EQ(recv(fd, text, sizeof text, 0), 2);  // to the mark
  CHECK_EQ(ioctl(fd, SIOCATMARK, &at_mark), 0);
  CHECK_EQ(at_mark, 1);
  CHECK_EQ(recv(fd, text, sizeof text, 0), 2);
  CHECK_EQ(memcmp(text, "cd", 2), 0);
}

static void send_urgent(void* ends) {
  int fd = ((int*)ends)[kWriteEnd];
  CHECK_EQ(send(fd, "ab!", 3, MSG_OOB), 3);
  CHECK_EQ(send(fd, "cd", 2, 0), 2);
}

CASE(urgent_data) {
  int ends[2];
  open_tcp_pair(ends);
  meet(wait_for_urgent, send_urgent, ends);
  CHECK_FAILS(recv(ends[kReadEnd], ends, 1, MSG_OOB), EINVAL);  // never waits
  close_both(ends);
}

static void recv_in_line(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  char text[16] = "";
  CHECK_EQ(recv(fd, text, 5, MSG_WAITALL), 2);  // a read of all, too
  CHECK_EQ(recv(fd, text, 3, MSG_WAITALL), 3);
  CHECK_EQ(memcmp(text, "!cd", 3), 0);
}

CASE(urgent_data_in_line) {
  int ends[2], on = 1;
  open_tcp_pair(ends);
  CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
  send_urgent(ends);
  char text[16];
  CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, 0), 2);  // a read stops at the mark
  CHECK_EQ(recv(ends[kReadEnd], text, sizeof text, 0), 3);
  CHECK_FAILS(recv(ends[kReadEnd], text, 1, MSG_OOB), EINVAL);
  meet(recv_in_line, send_urgent, ends);
  close_both(ends);
}

static void send_large_urgent(void* ends) {
  CHECK_EQ(send(((int*)ends)[kWriteEnd], large, kLarge, MSG_OOB), kLarge);
  check_blocking(((int*)ends)[kWriteEnd]);
}

CASE(urgent_data_waits_for_room) {
  int ends[2], on = 1;
  open_slow_tcp_pair(ends);
  CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
  meet(send_large_urgent, drain_large, ends);
  close_both(ends);
}
