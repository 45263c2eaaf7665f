// Descriptors that are closed past libc, as a library with system calls of its own would.
#pragma once

void raw_close(int fd);

// The lowest free number, which was waited for and then closed by raw_close().
int abandoned_number(void);
