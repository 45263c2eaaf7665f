// pthread_join, POSIX.1-2017.
#include "tests/posix/holds.h"

static void* give_back(void* value) { return value; }

static void* exit_with(void* value) { pthread_exit(value); }

CASE(result) {
  pthread_t thread;
  void* result = NULL;
  int value;
  pthread_create(&thread, NULL, give_back, &value);
  HOLDS(pthread_join, "gives what the start routine returned", pthread_join(thread, &result) == 0 && result == &value);
  pthread_create(&thread, NULL, exit_with, &value);
  HOLDS(pthread_join, "gives what pthread_exit was given", pthread_join(thread, &result) == 0 && result == &value);
  pthread_create(&thread, NULL, give_back, NULL);
  HOLDS(pthread_join, "takes no result", pthread_join(thread, NULL) == 0);
}

CASE(self) {
  HOLDS(pthread_join, "EDEADLK where a thread joins itself", pthread_join(pthread_self(), NULL) == EDEADLK);
}
