// Calls that block for as long as a test likes: the kernel is told (seccomp) to ask this program for the result of each
// system call of some numbers, and such a call lasts until another thread has answered.
#pragma once

#include <linux/seccomp.h>

// From now on. Returns the descriptor from which the questions come: SECCOMP_IOCTL_NOTIF_RECV and _SEND. Only in a
// constructor, before there is a second kernel thread: all inherit it. At most 16 numbers.
int ask_for_results_of(const int* numbers, int count);

// The same, but only of those calls whose first argument is `fd`.
int ask_for_results_on(int fd, const int* numbers, int count);
