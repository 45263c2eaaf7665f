// The kernel counts what a user watches with epoll, and may refuse more of it: whoever waits must get what he waits for
// all the same. Here it refuses all low numbers. (The hub's own descriptors have high ones.)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kLow = 900, kShort = 20 };

__attribute__((constructor)) static void refuse(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_ctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kLow, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSPC),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

CASE(it_refuses) {
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(0);
  CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event), ENOSPC);
  CHECK_EQ(close(epoll), 0);
}

static void meet_over(int ends[2]) {
  meet(read_hello, write_hello, ends);
  meet(write_large, drain_large, ends);
  close_both(ends);
}

CASE(pipes) {
  int ends[2];
  open_pipe(ends);
  meet_over(ends);
}

CASE(sockets) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  meet_over(ends);
  open_tcp_pair(ends);
  meet(read_hello, write_hello, ends);
  close_both(ends);
}

static void poll_all(void* argument) {
  int* ends = argument;
  struct pollfd all[] = {{ends[kWriteEnd], POLLIN, 0}, {ends[kReadEnd], POLLIN, 0}, {ends[kReadEnd], POLLPRI, 0}};
  CHECK_EQ(poll(all, 3, -1), 1);
  CHECK_EQ(all[1].revents, POLLIN);
  read_hello(ends);
}

static void poll_urgent(void* argument) {
  int* ends = argument;
  struct pollfd one = {ends[kReadEnd], POLLPRI, 0};
  CHECK_EQ(poll(&one, 1, -1), 1);
  CHECK_EQ(one.revents, POLLPRI);
  CHECK_EQ(recv(one.fd, &(char){0}, 1, MSG_OOB), 1);
}

static void send_urgent(void* ends) { CHECK_EQ(send(((int*)ends)[kWriteEnd], "!", 1, MSG_OOB), 1); }

CASE(several) {
  int ends[2];
  open_tcp_pair(ends);
  meet(poll_all, write_hello, ends);
  meet(poll_urgent, send_urgent, ends);
  struct pollfd one = {ends[kReadEnd], POLLIN, 0};
  CHECK_EQ(poll(&one, 1, kShort), 0);
  close_both(ends);
}

static void* read_in_thread(void* fd) {
  char byte;
  entering();
  CHECK_EQ(read(*(int*)fd, &byte, 1), 1);
  return NULL;
}

CASE(each_byte_wakes_one) {
  int ends[2];
  pthread_t threads[10];
  open_pipe(ends);
  for (int i = 0; i < 10; i++) threads[i] = start(read_in_thread, &ends[kReadEnd]);
  await_entered(10);
  for (int i = 0; i < 10; i++) CHECK_EQ(write(ends[kWriteEnd], "x", 1), 1);
  join_all(threads, 10);
  close_both(ends);
}
