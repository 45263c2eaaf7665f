// pthread_create where a limit is hit, and that the threads that there are do not suffer.
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"

enum { kMost = 5000 };

static pthread_t threads[kMost];
static int may_end;

static void* wait_for_end(void* unused) {
  (void)unused;
  await_flag(&may_end);
  return &may_end;
}

// With room for some stacks only.
static void reach_limit(void) {
  struct rlimit limit = {1UL << 30, 1UL << 30};
  pthread_attr_t attributes;
  int made = 0, error = 0;
  void* result = NULL;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 20);
  CHECK_EQ(pthread_create(&threads[made++], &attributes, wait_for_end, NULL), 0);
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  while (made < kMost && (error = pthread_create(&threads[made], &attributes, wait_for_end, NULL)) == 0) made++;
  HOLDS(pthread_create, "EAGAIN where memory is short", error == EAGAIN);
  HOLDS(pthread_create, "EAGAIN comes after some threads only", made > 1);
  set_flag(&may_end);
  bool all = true;
  for (int i = 0; i < made; i++) all = pthread_join(threads[i], &result) == 0 && result == &may_end && all;
  HOLDS(pthread_create, "the threads that were made before go on", all);
  HOLDS(pthread_create, "makes threads again when others have ended",
        pthread_create(&threads[0], &attributes, wait_for_end, NULL) == 0 && pthread_join(threads[0], NULL) == 0);
}

CASE(address_space) {
  int status = -1;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    reach_limit();
    exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

CASE(absurd_size) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, (size_t)1 << 50), 0);
  HOLDS(pthread_create, "EAGAIN for a stack that no address space holds",
        pthread_create(&threads[0], &attributes, wait_for_end, NULL) == EAGAIN);
}
