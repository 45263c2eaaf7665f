// The sets of select: where they cannot be read or written, and of which sizes they are.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

static fd_set set_of(int first, int second) {
  fd_set set;
  FD_ZERO(&set);
  if (first >= 0) FD_SET(first, &set);
  if (second >= 0) FD_SET(second, &set);
  return set;
}

static void write_byte(void* ends) { CHECK_EQ(write(((int*)ends)[kWriteEnd], "x", 1), 1); }

// The kernel reads the sets, and writes them: where it cannot, it says so. On an error they are left as they were.
static void* check_bad_pointers(void* ends) {
  int fd = ((int*)ends)[kReadEnd];
  fd_set set = set_of(fd, -1), *volatile nowhere = (fd_set*)8;
  struct timeval none = {0, 0};
  fd_set* read_only = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FD_SET(fd, read_only);
  CHECK_EQ(mprotect(read_only, 4096, PROT_READ), 0);
  CHECK_FAILS(select(fd + 1, nowhere, NULL, NULL, NULL), EFAULT);
  CHECK_FAILS(select(fd + 1, &set, nowhere, NULL, NULL), EFAULT);
  CHECK_FAILS(select(fd + 1, &set, NULL, nowhere, &none), EFAULT);
  CHECK(FD_ISSET(fd, &set));
  CHECK_FAILS(pselect(fd + 1, &set, nowhere, NULL, NULL, NULL), EFAULT);
  CHECK_FAILS(pselect(fd + 1, NULL, NULL, NULL, NULL, (sigset_t*)nowhere), EFAULT);
  write_byte(ends);
  CHECK_FAILS(select(fd + 1, read_only, NULL, NULL, NULL), EFAULT);
  CHECK_EQ(read(fd, &(char){0}, 1), 1);
  CHECK_EQ(munmap(read_only, 4096), 0);
  return NULL;
}

CASE(bad_pointers) {
  int ends[2];
  open_pipe(ends);
  check_bad_pointers(ends);
  join(start(check_bad_pointers, ends));
  close_both(ends);
}

// Programs count up to getdtablesize(), whatever the size of their sets: the kernel looks at no more than there can be.
static void select_as_many_as_can_be(void* argument) {
  int* ends = argument;
  char byte;
  struct {
    fd_set set;
    unsigned char after[4096];
  } sets;
  memset(sets.after, 0xff, sizeof sets.after);
  sets.set = set_of(ends[kReadEnd], -1);
  CHECK_EQ(select(1 << 20, &sets.set, NULL, NULL, NULL), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &sets.set));
  for (size_t i = 0; i < sizeof sets.after; i++) CHECK_EQ(sets.after[i], 0xff);
  CHECK_EQ(read(ends[kReadEnd], &byte, 1), 1);
}

CASE(more_than_there_can_be) {
  int ends[2];
  open_pipe(ends);
  meet(select_as_many_as_can_be, write_byte, ends);
  close_both(ends);
}

static void select_high_number(void* argument) {
  int* ends = argument;
  char byte;
  int high = fcntl(ends[kReadEnd], F_DUPFD, 1500);
  CHECK_EQ(high, 1500);
  unsigned long set[32] = {0};
  set[high / 64] |= 1UL << (high % 64);
  fd_set* volatile sets = (fd_set*)set;  // larger than the header thinks
  CHECK_EQ(select(high + 1, sets, NULL, NULL, NULL), 1);
  CHECK(set[high / 64] == 1UL << (high % 64));
  CHECK_EQ(read(high, &byte, 1), 1);
  CHECK_EQ(close(high), 0);
}

CASE(numbers_above_FD_SETSIZE) {
  struct rlimit limit;
  int ends[2];
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_cur < 2000 ? 2000 : limit.rlim_cur;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  open_pipe(ends);
  meet(select_high_number, write_byte, ends);
  close_both(ends);
}

static void select_with_file(void* argument) {
  int* ends = argument;
  char name[] = "/tmp/evergreen-select-XXXXXX";
  int file = mkstemp(name);
  unlink(name);
  fd_set to_read = set_of(ends[kReadEnd], -1), urgent = set_of(file, -1);  // never has urgent data
  CHECK_EQ(select(FD_SETSIZE, &to_read, NULL, &urgent, NULL), 1);
  CHECK(FD_ISSET(ends[kReadEnd], &to_read));
  CHECK(!FD_ISSET(file, &urgent));
  CHECK_EQ(read(ends[kReadEnd], &(char){0}, 1), 1);
  to_read = set_of(ends[kReadEnd], file);
  CHECK_EQ(select(FD_SETSIZE, &to_read, NULL, NULL, NULL), 1);  // always ready
  CHECK(FD_ISSET(file, &to_read));
  CHECK_EQ(close(file), 0);
}

CASE(regular_files) {
  int ends[2];
  open_pipe(ends);
  meet(select_with_file, write_byte, ends);
  close_both(ends);
}

CASE(absurd_timeouts) {
  int ends[2];
  open_pair(SOCK_STREAM, ends);
  struct timeval longest = {__LONG_MAX__, 999999};
  fd_set to_write = set_of(ends[0], -1);
  CHECK_EQ(select(FD_SETSIZE, NULL, &to_write, NULL, &longest), 1);
  CHECK(longest.tv_sec > __LONG_MAX__ / 2);
  close_both(ends);
}
