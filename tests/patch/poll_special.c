// poll for other events than readable and writable: urgent data, hang-ups, errors, half-closed connections.
#include <poll.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static void write_byte(void* ends) { CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1); }

static void poll_hang_up(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], 0, 0};  // hang-ups are told unasked
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLHUP);
  close(one.fd);
  open_pipe(ends);
}

static void poll_error(void* ends) {
  struct pollfd one = {((int*)ends)[kWriteEnd], 0, 0};
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLERR);
  close(one.fd);
  open_pipe(ends);
}

CASE(hang_ups_and_errors) {
  int ends[2];
  open_pipe(ends);
  meet(poll_hang_up, close_write_end, ends);
  meet(poll_error, close_read_end, ends);
  close_both(ends);
}

static void poll_half_closed(void* ends) {
  struct pollfd one = {((int*)ends)[kReadEnd], POLLIN | POLLOUT | POLLRDHUP, 0};
  while (poll(&one, 1, -1) == 1 && one.revents == POLLOUT) one.events = POLLIN | POLLRDHUP;
  CHECK_EQ(one.revents, POLLIN | POLLRDHUP);
  close_both(ends);
  open_pair(SOCK_STREAM, ends);
}

CASE(half_closed_connections) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(poll_half_closed, shut_down_writing, ends);
  close_both(ends);
}

static void* poll_urgent_in_thread(void* fd) {
  struct pollfd one = {*(int*)fd, POLLPRI, 0};
  entering();
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLPRI);
  return NULL;
}

// It stays urgent until it is read: those who come later see it too.
CASE(all_who_poll_for_urgent_data_are_woken) {
  int ends[2];
  pthread_t threads[10];
  open_tcp_pair(ends);
  for (int round = 1; round <= 3; round++) {
    for (int i = 0; i < 10; i++) threads[i] = start(poll_urgent_in_thread, &ends[kReadEnd]);
    if (round != 2) await_entered(round * 10);
    if (round != 2) CHECK_EQ(send(ends[kWriteEnd], "!", 1, MSG_OOB), 1);
    join_all(threads, 10);
    if (round != 1) CHECK_EQ(recv(ends[kReadEnd], &(char){0}, 1, MSG_OOB), 1);
  }
  close_both(ends);
}

static void poll_half_closed_only(void* argument) {
  int* ends = argument;
  struct pollfd one = {ends[kReadEnd], POLLRDHUP, 0};
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLRDHUP);
  close_both(ends);
  open_tcp_pair(ends);
}

// Data that comes before is nothing that it waits for.
static void send_and_half_close(void* ends) {
  write_byte(ends);
  usleep(1000);
  shut_down_writing(ends);
}

CASE(half_closed_connections_alone) {
  int ends[2];
  open_tcp_pair(ends);
  meet(poll_half_closed_only, send_and_half_close, ends);
  close_both(ends);
}
