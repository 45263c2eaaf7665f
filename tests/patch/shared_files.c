// Open files that other processes share: O_NONBLOCK and a terminal's settings are what the programs have made them,
// while threads wait and when their process has been killed.
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kLooks = 200, kKinds = 5 };

static void open_fifo(int ends[2]) {
  char directory[] = "/tmp/evergreen-shared-XXXXXX", name[64];
  CHECK(mkdtemp(directory));
  snprintf(name, sizeof name, "%s/fifo", directory);
  CHECK_EQ(mkfifo(name, 0600), 0);
  ends[kReadEnd] = open(name, O_RDWR);
  ends[kWriteEnd] = open(name, O_WRONLY);
  unlink(name);
  rmdir(directory);
}

static void open_kind(int kind, int ends[2]) {
  if (kind == 0) open_pipe(ends);
  if (kind == 1) open_pair(SOCK_STREAM, ends);
  if (kind == 2) open_tcp_pair(ends);
  if (kind == 3) open_fifo(ends);
  if (kind == 4) CHECK_EQ(openpty(&ends[kWriteEnd], &ends[kReadEnd], NULL, NULL, NULL), 0);
}

static int says;  // a byte comes out of it when a thread of the child is about to wait

static void* read_in_child(void* ends) {
  char text[16];
  CHECK_EQ(write(says, "", 1), 1);
  CHECK(read(((int*)ends)[kReadEnd], text, sizeof text) > 0 && false);
  return NULL;
}

static void* write_in_child(void* ends) {
  CHECK_EQ(write(says, "", 1), 1);
  while (write(((int*)ends)[kWriteEnd], large, kLarge) == kLarge) continue;  // sooner or later it is full
  CHECK(false);
  return NULL;
}

static void check_flags(int ends[2], const int flags[2]) {
  CHECK_EQ(fcntl(ends[0], F_GETFL), flags[0]);
  CHECK_EQ(fcntl(ends[1], F_GETFL), flags[1]);
}

// A child of ours waits in run(ends), and is killed there.
static void kill_in(void* (*run)(void*), int kind) {
  int ends[2], line[2], status;
  char byte;
  struct termios before = {0}, after = {0};
  open_kind(kind, ends);
  open_pipe(line);
  const int flags[2] = {fcntl(ends[0], F_GETFL), fcntl(ends[1], F_GETFL)};
  if (kind == 4) CHECK_EQ(tcgetattr(ends[kReadEnd], &before), 0);
  const pid_t child = fork();
  if (child == 0) {
    says = line[kWriteEnd];
    pthread_t threads[] = {start(run, ends), start(run, ends)};
    join_all(threads, 2);
    _exit(1);
  }
  drain(line[kReadEnd], 2);
  for (int i = 0; i < kLooks; i++) {
    check_flags(ends, flags);
    if (i % 20 == 0) usleep(500);
  }
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  check_flags(ends, flags);
  if (kind == 4) {
    CHECK_EQ(tcgetattr(ends[kReadEnd], &after), 0);
    CHECK_EQ(memcmp(&before, &after, sizeof before), 0);
  }
  close(line[kWriteEnd]);
  CHECK_EQ(read(line[kReadEnd], &byte, 1), 0);
  close(line[kReadEnd]);
  close_both(ends);
}

static void* kill_readers(void* unused) {
  for (int kind = 0; kind < kKinds; kind++) kill_in(read_in_child, kind);
  return unused;
}

static void* kill_writers(void* unused) {
  for (int kind = 0; kind < kKinds; kind++) kill_in(write_in_child, kind);
  return unused;
}

CASE(killed_while_threads_read) { join(start(kill_readers, NULL)); }
CASE(killed_while_threads_write) { join(start(kill_writers, NULL)); }
