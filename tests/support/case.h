// A test program made of small named cases:
//
//     static void block(void* fds) { CHECK_EQ(read(((int*)fds)[0], text, 5), 5); }
//     static void end(void* fds) { CHECK_EQ(write(((int*)fds)[1], "hello", 5), 5); }
//     CASE(read) { ... meet(block, end, fds); }
//
// main() is in case.c: it runs all cases in the order of their definition, or those named on the command line, and
// prints "read: ok" for each. The first check that does not hold ends the program with status 1.
//
// Each program runs natively and under evergreen and must print the same (compare.py). A case shows that the result
// of a call is exact and that other threads run while it blocks: only another thread of the same process ends the wait,
// so a call that stopped all greenlets would hang, and a case that hangs fails.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CASE(name)                                                                                 \
  static void case_##name(void);                                                                   \
  __attribute__((constructor)) static void case_add_##name(void) { case_add(#name, case_##name); } \
  static void case_##name(void)

#define CHECK(what) check((what) ? true : false, #what, __FILE__, __LINE__)
#define CHECK_EQ(what, expected) check_equal((long long)(what), (long long)(expected), #what, __FILE__, __LINE__)
// `what` returns -1 and sets errno to `error`.
#define CHECK_FAILS(what, error)                                                  \
  do {                                                                            \
    errno = 0;                                                                    \
    long long check_result = (long long)(what);                                   \
    check_fails(check_result, errno, (error), #error, #what, __FILE__, __LINE__); \
  } while (0)
#define CHECK_TEXT(text, expected) check_text((text), (expected), #text, __FILE__, __LINE__)

void case_add(const char* name, void (*run)(void));
void check(bool holds, const char* what, const char* file, int line);
void check_equal(long long value, long long expected, const char* what, const char* file, int line);
void check_fails(long long result, int error, int expected, const char* expected_name, const char* what,
                 const char* file, int line);
void check_text(const char* text, const char* expected, const char* what, const char* file, int line);

pthread_t start(void* (*run)(void*), void* argument);
void* join(pthread_t thread);
void join_all(pthread_t* threads, int count);

// Two threads meet in a call: one is in block(), which waits for what only end() does; the other calls end() once the
// first is about to call. Then once more with the roles exchanged, so that the main thread blocks too. Checks that
// block() did not return before end() began.
void meet(void (*block)(void*), void (*end)(void*), void* state);

// For waits of another shape: each thread says entering() just before it blocks; await_entered(n) returns when n
// threads have said so since the case began, and gives them a moment to get inside. No result hangs on that moment.
void entering(void);
void await_entered(int threads);

// Flags between threads that need no call under test but sched_yield.
void set_flag(int* flag);
bool is_set(int* flag);
void await_flag(int* flag);

long long now_ns(clockid_t clock);
struct timespec in_ms(clockid_t clock, long milliseconds);  // a point in time

#ifdef __cplusplus
}
#endif
