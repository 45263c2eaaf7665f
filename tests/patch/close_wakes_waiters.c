// Preloaded only: close() of a descriptor wakes those who wait for it, with EBADF. (Natively they would wait for ever.)
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "tests/support/case.h"
#include "tests/support/raw_close.h"
#include "tests/support/sockets.h"

static void recv_until_closed(void* ends) {
  char byte;
  CHECK_FAILS(recv(((int*)ends)[kReadEnd], &byte, 1, 0), EBADF);
  close(((int*)ends)[kWriteEnd]);
  open_pair(SOCK_STREAM, ends);
}

static void read_until_closed(void* ends) {
  char byte;
  CHECK_FAILS(read(((int*)ends)[kReadEnd], &byte, 1), EBADF);
  close(((int*)ends)[kWriteEnd]);
  open_pipe(ends);
}

CASE(recv) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(recv_until_closed, close_read_end, ends);
  close_both(ends);
}

CASE(read) {
  int ends[2];
  open_pipe(ends);
  meet(read_until_closed, close_read_end, ends);
  close_both(ends);
}

static void write_until_closed(void* ends) {
  fill(((int*)ends)[kWriteEnd]);
  CHECK_FAILS(write(((int*)ends)[kWriteEnd], "x", 1), EBADF);
  close(((int*)ends)[kReadEnd]);
  open_pair(SOCK_STREAM, ends);
}

static void close_full_write_end(void* ends) {
  struct pollfd full = {((int*)ends)[kWriteEnd], POLLOUT, 0};
  while (poll(&full, 1, 0) == 1) usleep(100);
  usleep(1000);  // native would be inside write() by now
  CHECK_EQ(close(((int*)ends)[kWriteEnd]), 0);
}

CASE(write) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet(write_until_closed, close_full_write_end, ends);
  close_both(ends);
}

struct Server {
  int listener;
  struct sockaddr_in address;
};

static void accept_until_closed(void* argument) {
  struct Server* server = argument;
  CHECK_FAILS(accept(server->listener, NULL, NULL), EBADF);
  server->listener = tcp_listener(5, &server->address);
}

static void close_listener(void* argument) { CHECK_EQ(close(((struct Server*)argument)->listener), 0); }

CASE(accept) {
  struct Server server;
  server.listener = tcp_listener(5, &server.address);
  meet(accept_until_closed, close_listener, &server);
  close(server.listener);
}

static void* recv_in_thread(void* fd) {
  char byte;
  entering();
  CHECK_FAILS(recv(*(int*)fd, &byte, 1, 0), EBADF);
  return NULL;
}

CASE(all_waiters_of_one_descriptor) {
  int ends[2];
  pthread_t threads[10];
  open_pair(SOCK_STREAM, ends);
  for (int i = 0; i < 10; i++) threads[i] = start(recv_in_thread, &ends[kReadEnd]);
  await_entered(10);
  CHECK_EQ(close(ends[kReadEnd]), 0);
  join_all(threads, 10);
  close(ends[kWriteEnd]);
}

CASE(the_new_owner_of_the_number_gets_no_old_event) {
  int ends[2], next[2];
  pthread_t thread;
  char byte = 0;
  open_pair(SOCK_STREAM, ends);
  thread = start(recv_in_thread, &ends[kReadEnd]);
  await_entered(1);
  CHECK_EQ(write(ends[kWriteEnd], "old", 3), 3);  // the event is on its way when the descriptor is closed
  CHECK_EQ(recv(ends[kReadEnd], (char[3]){0}, 3, 0), 3);
  CHECK_EQ(close(ends[kReadEnd]), 0);
  open_pair(SOCK_STREAM, next);
  CHECK_EQ(next[0], ends[kReadEnd]);
  join(thread);
  CHECK_EQ(write(next[1], "n", 1), 1);
  CHECK_EQ(recv(next[0], &byte, 1, 0), 1);
  CHECK_EQ(byte, 'n');
  close_both(next);
  close(ends[kWriteEnd]);
}

// A close that passes no shim shows when the number has its next owner.
CASE(closed_past_libc) {
  int ends[2], next[2];
  open_pair(SOCK_STREAM, ends);
  pthread_t threads[2] = {start(recv_in_thread, &ends[kReadEnd]), start(recv_in_thread, &ends[kReadEnd])};
  await_entered(2);
  raw_close(ends[kReadEnd]);
  open_pair(SOCK_STREAM, next);
  CHECK_EQ(next[kReadEnd], ends[kReadEnd]);
  join_all(threads, 2);
  meet(read_hello, write_hello, next);
  close_both(next);
  close(ends[kWriteEnd]);
}

// Each gives the number another meaning, or none.
enum { kDup2, kDup3, kCloseRange, kClosefrom, kFclose, kSyscall, kGoneWays };

static void end_number(int way, int fd, int other) {
  if (way == kDup2) CHECK_EQ(dup2(other, fd), fd);
  if (way == kDup3) CHECK_EQ(dup3(other, fd, 0), fd);
  if (way == kCloseRange) CHECK_EQ(close_range((unsigned)fd, (unsigned)fd, 0), 0);
  if (way == kClosefrom) closefrom(fd);
  if (way == kFclose) CHECK_EQ(fclose(fdopen(fd, "r")), 0);
  if (way == kSyscall) CHECK_EQ(syscall(SYS_close, fd), 0);
}

CASE(all_ways_to_end_a_number) {
  for (int way = 0; way < kGoneWays; way++) {
    int ends[2], next[2];
    const int number = 700;  // above all others, for closefrom
    char byte = 0;
    open_pair(SOCK_STREAM, ends);
    open_pair(SOCK_STREAM, next);
    CHECK_EQ(dup2(ends[kReadEnd], number), number);
    pthread_t thread = start(recv_in_thread, (int[]){number});
    await_entered(way + 1);
    end_number(way, number, next[kReadEnd]);
    join(thread);
    CHECK_EQ(dup2(next[kReadEnd], number), number);
    meet(read_hello, write_hello, (int[]){number, next[kWriteEnd]});
    CHECK_EQ(write(ends[kWriteEnd], "o", 1), 1);  // the old one's
    CHECK_EQ(write(next[kWriteEnd], "n", 1), 1);
    CHECK_EQ(recv(number, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'n');
    CHECK_EQ(close(number), 0);
    close_both(ends);
    close_both(next);
  }
}

static void epoll_until_closed(void* epoll) {
  struct epoll_event event;
  CHECK_FAILS(epoll_wait(*(int*)epoll, &event, 1, -1), EBADF);
  *(int*)epoll = epoll_create1(0);
}

static void close_number(void* fd) { CHECK_EQ(close(*(int*)fd), 0); }

CASE(epoll_wait) {
  int epoll = epoll_create1(0);
  meet(epoll_until_closed, close_number, &epoll);
  CHECK_EQ(close(epoll), 0);
}

static void poll_for_urgent_until_closed(void* argument) {
  int* ends = argument;
  struct pollfd one = {ends[kReadEnd], POLLPRI, 0};
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLNVAL);
  close(ends[kWriteEnd]);
  open_tcp_pair(ends);
}

CASE(poll_for_urgent_data) {
  int ends[2];
  open_tcp_pair(ends);
  meet(poll_for_urgent_until_closed, close_read_end, ends);
  close_both(ends);
}

static mqd_t open_queue(void) {
  char name[40];
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
  snprintf(name, sizeof name, "/evergreen-close-%d", (int)getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  CHECK(queue >= 0);
  CHECK_EQ(mq_unlink(name), 0);
  return queue;
}

static void receive_until_closed(void* queue) {
  char text[8];
  CHECK_FAILS(mq_receive(*(mqd_t*)queue, text, sizeof text, NULL), EBADF);
  *(mqd_t*)queue = open_queue();
}

static void close_queue(void* queue) { CHECK_EQ(mq_close(*(mqd_t*)queue), 0); }

CASE(mq_receive) {
  mqd_t queue = open_queue();
  meet(receive_until_closed, close_queue, &queue);
  CHECK_EQ(mq_close(queue), 0);
}
