// System calls by number that wait for a message, a child or a signal; and those on files.
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/case.h"

enum { kMaskSize = 8 };  // the kernel's signal mask

// Queues of messages.
static void receive_by_number(void* queue) {
  char text[8] = "";
  CHECK_EQ(syscall(SYS_mq_timedreceive, (long)*(mqd_t*)queue, text, sizeof text, NULL, NULL), 1);
  CHECK_TEXT(text, "x");
}

static void send_by_number(void* queue) {
  struct timespec end = in_ms(CLOCK_REALTIME, 100000);
  CHECK_EQ(syscall(SYS_mq_timedsend, (long)*(mqd_t*)queue, "x", 1L, 0L, &end), 0);
}

CASE(messages) {
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
  char name[40];
  snprintf(name, sizeof name, "/evergreen-syscall-%d", (int)getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  CHECK(queue >= 0);
  CHECK_EQ(mq_unlink(name), 0);
  meet(receive_by_number, send_by_number, &queue);
  send_by_number(&queue);
  meet(send_by_number, receive_by_number, &queue);
  CHECK_EQ(mq_close(queue), 0);
}

// Other processes, and signals.
static void wait_by_number(void* child) {
  int status = 0;
  CHECK_EQ(syscall(SYS_wait4, (long)*(pid_t*)child, &status, 0L, NULL), *(pid_t*)child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void waitid_by_number(void* child) {
  siginfo_t information;
  CHECK_EQ(syscall(SYS_waitid, (long)P_PID, (long)*(pid_t*)child, &information, (long)WEXITED, NULL), 0);
  CHECK_EQ(information.si_status, SIGTERM);
}

static void end_child(void* child) { CHECK_EQ(kill(*(pid_t*)child, SIGTERM), 0); }

struct Wait {
  void (*wait)(void*);
  pid_t child;
};

static void wait_for_new_child(void* argument) {
  struct Wait* wait = argument;
  wait->wait(&wait->child);
  wait->child = fork();
  if (wait->child == 0) pause();
}

static void end_known_child(void* argument) { end_child(&((struct Wait*)argument)->child); }

CASE(children) {
  void (*calls[])(void*) = {wait_by_number, waitid_by_number};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    struct Wait wait = {calls[i], fork()};
    if (wait.child == 0) pause();
    meet(wait_for_new_child, end_known_child, &wait);
    struct rusage usage = {.ru_maxrss = -1};
    end_child(&wait.child);
    CHECK_EQ(syscall(SYS_waitid, (long)P_PID, (long)wait.child, NULL, (long)WEXITED, &usage), 0);
    CHECK(usage.ru_maxrss >= 0);
  }
}

__attribute__((constructor)) static void block_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

static void take_signal(void* unused) {
  (void)unused;
  sigset_t set;
  siginfo_t information;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK_EQ(syscall(SYS_rt_sigtimedwait, &set, &information, NULL, (long)kMaskSize), SIGUSR1);
  CHECK_EQ(information.si_pid, getpid());
}

static void send_signal(void* unused) {
  (void)unused;
  CHECK_EQ(kill(getpid(), SIGUSR1), 0);
}

CASE(signals) { meet(take_signal, send_signal, NULL); }

// What is quick here shows only that the arguments arrive.
static void* use_files(void* unused) {
  char name[] = "/tmp/evergreen-syscall-XXXXXX";
  struct stat status;
  close(mkstemp(name));
  CHECK_EQ(unlink(name), 0);
  int fd = (int)syscall(SYS_open, name, (long)(O_CREAT | O_EXCL | O_RDWR), 0640L);
  CHECK_EQ(fstat(fd, &status), 0);
  CHECK_EQ(status.st_mode & 0777, 0640);
  CHECK_EQ(syscall(SYS_flock, fd, (long)LOCK_EX), 0);
  CHECK_EQ(syscall(SYS_fsync, fd), 0);
  CHECK_EQ(syscall(SYS_fdatasync, fd), 0);
  CHECK_EQ(syscall(SYS_sync_file_range, fd, 0L, 0L, (long)SYNC_FILE_RANGE_WRITE), 0);
  CHECK_EQ(syscall(SYS_syncfs, fd), 0);
  CHECK_EQ(close(fd), 0);
  CHECK_EQ(unlink(name), 0);
  fd = (int)syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_CREAT | O_EXCL | O_RDWR), 0600L);
  CHECK_EQ(fstat(fd, &status), 0);
  CHECK_EQ(status.st_mode & 0777, 0600);
  CHECK_EQ(close(fd), 0);
  CHECK_EQ(unlink(name), 0);
  fd = (int)syscall(SYS_creat, name, 0600L);
  CHECK(fd >= 0);
  CHECK_FAILS(syscall(SYS_creat, name + 1, 0600L), ENOENT);
  CHECK_EQ(close(fd), 0);
  CHECK_EQ(unlink(name), 0);
  CHECK_FAILS(syscall(SYS_fsync, -1L), EBADF);
  return unused;
}

CASE(files) {
  join(start(use_files, NULL));
  use_files(NULL);
}
