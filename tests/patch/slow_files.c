// Calls that block, and nothing tells when they would not. Those at a place in a file do so on a slow disk: no test can
// make one slow, so the kernel asks this program for the result (questions.h). A place in the program whose calls held
// up the others is learnt after a few rounds.
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/support/case.h"
#include "tests/support/questions.h"

// By libc's own names, whatever _FILE_OFFSET_BITS makes of them.
ssize_t plain_pread(int, void*, size_t, off_t) __asm__("pread");
ssize_t large_pread(int, void*, size_t, off_t) __asm__("pread64");
ssize_t plain_pwrite(int, const void*, size_t, off_t) __asm__("pwrite");
ssize_t large_pwrite(int, const void*, size_t, off_t) __asm__("pwrite64");
ssize_t plain_preadv(int, const struct iovec*, int, off_t) __asm__("preadv");
ssize_t large_preadv(int, const struct iovec*, int, off_t) __asm__("preadv64");
ssize_t plain_pwritev(int, const struct iovec*, int, off_t) __asm__("pwritev");
ssize_t large_pwritev(int, const struct iovec*, int, off_t) __asm__("pwritev64");
ssize_t __pread64(int, void*, size_t, off_t);
ssize_t __pwrite64(int, const void*, size_t, off_t);
ssize_t __pread_chk(int, void*, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void*, size_t, off_t, size_t);

enum { kFd = 77, kOffset = 12345, kRounds = 5 };

static int asked = -1;  // the descriptor from which the questions come

__attribute__((constructor)) static void ask(void) {
  static const int numbers[] = {SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_copy_file_range};
  asked = ask_for_results_on(kFd, numbers, sizeof numbers / sizeof *numbers);
}

static char bytes[10];
static struct iovec part = {bytes, sizeof bytes};

struct Call {
  ssize_t (*call)(void);
  int number;        // of the system call,
  const void* what;  // and the second of its arguments
  int error;         // to fail with; or 0: then 7 is the result
};

static void call_and_check(void* argument) {
  struct Call* call = argument;
  errno = ENOTTY;
  const ssize_t result = call->call();
  CHECK_EQ(errno, call->error != 0 ? call->error : ENOTTY);
  CHECK_EQ(result, call->error != 0 ? -1 : 7);
}

static void answer(void* argument) {
  struct Call* call = argument;
  struct pollfd question = {asked, POLLIN, 0};
  struct seccomp_notif what = {0};
  CHECK_EQ(poll(&question, 1, -1), 1);
  CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_RECV, &what), 0);
  CHECK_EQ(what.data.nr, call->number);
  CHECK_EQ(what.data.args[0], kFd);
  CHECK_EQ(what.data.args[1], (size_t)call->what);
  if (call->number != SYS_copy_file_range) {
    CHECK_EQ(what.data.args[2], call->what == &part ? 1 : sizeof bytes);
    CHECK_EQ(what.data.args[3], kOffset);
  }
  struct seccomp_notif_resp result = {.id = what.id, .error = -call->error, .val = call->error != 0 ? 0 : 7};
  CHECK_EQ(ioctl(asked, SECCOMP_IOCTL_NOTIF_SEND, &result), 0);
}

static void meet_in(ssize_t (*function)(void), int number, const void* what) {
  for (int i = 0; i < kRounds; i++) {
    struct Call call = {function, number, what, i % 2 == 0 ? 0 : EIO};
    meet(call_and_check, answer, &call);
  }
}

static ssize_t call_pread(void) { return plain_pread(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call_pread64(void) { return large_pread(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call___pread64(void) { return __pread64(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call___pread_chk(void) { return __pread_chk(kFd, bytes, sizeof bytes, kOffset, sizeof bytes); }
static ssize_t call___pread64_chk(void) { return __pread64_chk(kFd, bytes, sizeof bytes, kOffset, sizeof bytes); }
static ssize_t call_pwrite(void) { return plain_pwrite(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call_pwrite64(void) { return large_pwrite(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call___pwrite64(void) { return __pwrite64(kFd, bytes, sizeof bytes, kOffset); }
static ssize_t call_preadv(void) { return plain_preadv(kFd, &part, 1, kOffset); }
static ssize_t call_preadv64(void) { return large_preadv(kFd, &part, 1, kOffset); }
static ssize_t call_pwritev(void) { return plain_pwritev(kFd, &part, 1, kOffset); }
static ssize_t call_pwritev64(void) { return large_pwritev(kFd, &part, 1, kOffset); }
static ssize_t call_copy_file_range(void) { return copy_file_range(kFd, NULL, kFd + 1, NULL, 100, 0); }

// There is room, as poll says, but not for so much.
static void write_too_much(void* fd) {
  errno = ENOTTY;
  CHECK_EQ(eventfd_write(*(int*)fd, 10), 0);
  CHECK_EQ(errno, ENOTTY);
}

static void make_room(void* fd) {
  eventfd_t value;
  CHECK_EQ(eventfd_read(*(int*)fd, &value), 0);
  CHECK_EQ(value, UINT64_MAX - 5);
  CHECK_EQ(eventfd_read(*(int*)fd, &value), 0);
  CHECK_EQ(value, 10);
  CHECK_EQ(eventfd_write(*(int*)fd, UINT64_MAX - 5), 0);
}

CASE(an_event_counter_that_would_overflow) {
  int fd = eventfd(0, 0);
  CHECK_EQ(eventfd_write(fd, UINT64_MAX - 5), 0);
  for (int i = 0; i < kRounds; i++) meet(write_too_much, make_room, &fd);
  close(fd);
}

CASE(pread) { meet_in(call_pread, SYS_pread64, bytes); }
CASE(pread64) { meet_in(call_pread64, SYS_pread64, bytes); }
CASE(__pread64) { meet_in(call___pread64, SYS_pread64, bytes); }
CASE(__pread_chk) { meet_in(call___pread_chk, SYS_pread64, bytes); }
CASE(__pread64_chk) { meet_in(call___pread64_chk, SYS_pread64, bytes); }
CASE(pwrite) { meet_in(call_pwrite, SYS_pwrite64, bytes); }
CASE(pwrite64) { meet_in(call_pwrite64, SYS_pwrite64, bytes); }
CASE(__pwrite64) { meet_in(call___pwrite64, SYS_pwrite64, bytes); }
CASE(preadv) { meet_in(call_preadv, SYS_preadv, &part); }
CASE(preadv64) { meet_in(call_preadv64, SYS_preadv, &part); }
CASE(pwritev) { meet_in(call_pwritev, SYS_pwritev, &part); }
CASE(pwritev64) { meet_in(call_pwritev64, SYS_pwritev, &part); }
CASE(copy_file_range) { meet_in(call_copy_file_range, SYS_copy_file_range, NULL); }
