// What a child of fork says of itself. It must not print: its copy of the parent's buffers would come out twice.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

enum { kChildSeconds = 20, kDoesNotHold = 100 };

static inline pid_t fork_limited(void) {
  const pid_t child = fork();
  if (child == 0) alarm(kChildSeconds);
  return child;
}

// Waits for the child; what waitpid says of it.
static inline int status_of(pid_t child) {
  int status = -1;
  CHECK(child > 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  return status;
}

static inline bool exits_with(pid_t child, int code) {
  const int status = status_of(child);
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline bool is_killed_by(pid_t child, int number) {
  const int status = status_of(child);
  return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

// Whether holds(argument) is true in a child of the calling thread.
static inline bool in_child(bool (*holds)(void*), void* argument) {
  const pid_t child = fork_limited();
  if (child == 0) _exit(holds(argument) ? 0 : kDoesNotHold);
  return exits_with(child, 0);
}

// The same, said by a thread.
struct Question {
  bool (*holds)(void*);
  void* argument;
};

static inline void* ask_child(void* question) {
  const struct Question* asked = question;
  return in_child(asked->holds, asked->argument) ? question : NULL;
}

static inline bool in_child_of_thread(bool (*holds)(void*), void* argument) {
  struct Question question = {holds, argument};
  return join(start(ask_child, &question)) == &question;
}
