// How plain programs use a blocking library: a pool of threads, each of which takes the next job until none is left.
#pragma once

#include <stdbool.h>

// Arguments of each program: ADDRESS THREADS JOBS MODE [...]. What the jobs of a mode wait for:
//   meet   until THREADS of them wait at the same time, which another thread or the server notices: so the jobs
//          can only end if they really overlap, however slow the machine is
//   wait   0.2 s each, for benchmarks
struct Setting {
  const char* address;
  int threads, jobs;
  bool meet;
};
struct Setting setting_of(int count, char** words);

struct Pool {
  void* (*begin)(void);                   // what a thread needs for its jobs, such as a connection; may be null
  char* (*job)(void* state, int number);  // returns the job's result: a line that is freed when it is printed
  void (*end)(void* state);               // may be null
  void* (*gate)(void*);                   // a thread that lets waiting jobs go on, in the mode `meet`; may be null
};

// Prints the jobs' lines in the order of their numbers. On stderr: how long the jobs took, without beginnings and ends,
// and the most kernel threads that one of them saw when it had waited.
void pool_run(const struct Pool* pool, struct Setting setting);

char* line(const char* format, ...) __attribute__((format(printf, 1, 2)));

// A server's large answer, all of one letter: fails where it is not.
enum { kLarge = 200000 };
void check_large(const char* text, unsigned long length);
