// close(2) past libc, as a library with system calls of its own would make it.
#pragma once

#include <sys/syscall.h>

#include "tests/support/case.h"

static inline void raw_close(int fd) {
  long result = SYS_close;
  __asm__ volatile("syscall" : "+a"(result) : "D"((long)fd) : "rcx", "r11", "memory");
  CHECK_EQ(result, 0);
}
