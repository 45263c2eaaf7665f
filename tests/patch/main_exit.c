// The main thread ends by pthread_exit: the others go on, and the process ends with status 0 when the last one does.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void* outlive_main(void* main_thread) {
  void* result = NULL;
  int error = pthread_join(*(pthread_t*)main_thread, &result);
  printf("joined the main thread: %d %s\n", error, (char*)result);
  fflush(stdout);
  usleep(10000);
  printf("the last thread ends\n");
  return NULL;
}

static void at_exit(void* unused) {
  (void)unused;
  printf("the main thread's cleanup handler\n");
}

int main(void) {
  static pthread_t self, thread;
  self = pthread_self();
  if (pthread_create(&thread, NULL, outlive_main, &self) != 0) return 1;
  pthread_detach(thread);
  usleep(1000);
  pthread_cleanup_push(at_exit, NULL);
  pthread_exit("as asked");
  pthread_cleanup_pop(0);
  return 2;
}
