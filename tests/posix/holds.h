// Assertions of the standard, counted by interface. A program of cases (case.h) states each with
//
//     HOLDS(pthread_join, "EDEADLK where a thread joins itself", pthread_join(pthread_self(), NULL) == EDEADLK);
//
// in the words of POSIX.1-2017, the Linux man page or glibc's manual, not of an implementation. What holds is printed,
// "pthread_join: EDEADLK where a thread joins itself"; so natively and preloaded the same must hold, in the same order:
// state it from one thread at a time. What does not hold ends the program. table.py counts the lines.
#pragma once

#include "tests/support/case.h"

#define HOLDS(interface, text, ...)                                \
  do {                                                             \
    check((__VA_ARGS__) ? true : false, text, __FILE__, __LINE__); \
    printf("%s: %s\n", #interface, text);                          \
  } while (0)
