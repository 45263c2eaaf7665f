#include "tests/support/raw_close.h"

#include <sys/syscall.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

void raw_close(int fd) {
  long result = SYS_close;
  __asm__ volatile("syscall" : "+a"(result) : "D"((long)fd) : "rcx", "r11", "memory");
  CHECK_EQ(result, 0);
}

int abandoned_number(void) {
  static int turn;
  int ends[2];
  turn++ % 2 == 0 ? open_pair(SOCK_STREAM, ends) : open_pipe(ends);
  meet(read_hello, write_hello, ends);
  CHECK(ends[kReadEnd] < ends[kWriteEnd]);
  raw_close(ends[kReadEnd]);
  CHECK_EQ(close(ends[kWriteEnd]), 0);
  return ends[kReadEnd];
}
