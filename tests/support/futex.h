// futex(2), as programs call it.
#pragma once

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int kWait = FUTEX_WAIT_PRIVATE, kWake = FUTEX_WAKE_PRIVATE;

static inline long wait_for(int* word, int operation, int value, const struct timespec* timeout) {
  return syscall(SYS_futex, word, operation, value, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
}

static inline long wake(int* word, int operation, int most) { return syscall(SYS_futex, word, operation, most); }

static inline int load(int* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
