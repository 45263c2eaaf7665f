// fsync and its like. No test can make a disk slow, so the kernel asks this program for the result (questions.h).
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/support/case.h"
#include "tests/support/questions.h"

static int asked = -1;  // the descriptor from which the questions come

__attribute__((constructor)) static void ask(void) {
  static const int numbers[] = {SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_syncfs, SYS_sync, SYS_msync};
  asked = ask_for_results_of(numbers, sizeof numbers / sizeof *numbers);
}

struct Call {
  int (*call)(void);
  int number;          // of the system call,
  __u64 arguments[4];  // and what it is given
  int error;           // to fail with, or 0
};

static void call_and_check(void* argument) {
  struct Call* call = argument;
  errno = ENOTTY;
  const int result = call->call();
  CHECK_EQ(errno, call->error != 0 ? call->error : ENOTTY);
  CHECK_EQ(result, call->error != 0 && call->number != SYS_sync ? -1 : 0);
}

static void answer(void* argument) {
  struct Call* call = argument;
  struct pollfd question = {asked, POLLIN, 0};
  struct seccomp_notif what = {0};
  CHECK_EQ(poll(&question, 1, -1), 1);
  CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_RECV, &what), 0);
  CHECK_EQ(what.data.nr, call->number);
  for (int i = 0; i < 4; i++)
    if (call->arguments[i] != 0) CHECK_EQ(what.data.args[i], call->arguments[i]);
  struct seccomp_notif_resp result = {.id = what.id, .error = -call->error};
  CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_SEND, &result), 0);
}

static void meet_in(struct Call call) {
  meet(call_and_check, answer, &call);
  call.error = EIO;
  meet(call_and_check, answer, &call);
}

static char page[4096] __attribute__((aligned(4096)));

static int call_fsync(void) { return fsync(77); }
static int call_fdatasync(void) { return fdatasync(78); }
static int call_sync_file_range(void) { return sync_file_range(79, 4096, 8192, SYNC_FILE_RANGE_WRITE); }
static int call_syncfs(void) { return syncfs(80); }
static int call_msync(void) { return msync(page, sizeof page, MS_SYNC); }
static int call_sync(void) {
  sync();
  return 0;
}

CASE(fsync) { meet_in((struct Call){call_fsync, SYS_fsync, {77}, 0}); }
CASE(fdatasync) { meet_in((struct Call){call_fdatasync, SYS_fdatasync, {78}, 0}); }
CASE(sync_file_range) {
  meet_in((struct Call){call_sync_file_range, SYS_sync_file_range, {79, 4096, 8192, SYNC_FILE_RANGE_WRITE}, 0});
}
CASE(syncfs) { meet_in((struct Call){call_syncfs, SYS_syncfs, {80}, 0}); }
CASE(sync) { meet_in((struct Call){call_sync, SYS_sync, {0}, 0}); }
CASE(msync) { meet_in((struct Call){call_msync, SYS_msync, {(__u64)(size_t)page, sizeof page, MS_SYNC}, 0}); }
