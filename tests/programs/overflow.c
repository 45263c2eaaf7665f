// overflow HOW: ways to die by SIGSEGV, and ways to handle it. Run by overflow.py.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int never = -1;

static int recurse(int depth, int last) {
  volatile char frame[1000];
  frame[0] = (char)depth;
  if (depth == last) return 0;
  return recurse(depth + 1, last) + frame[0];
}

static void* overflow(void* unused) {
  (void)unused;
  usleep(1000);
  return recurse(1, never) ? stdout : NULL;
}

// 40 MB: fits where somebody asked for so much.
static void* go_deep(void* unused) {
  (void)unused;
  usleep(1000);
  recurse(1, 40000);
  printf("came back\n");
  fflush(stdout);
  _exit(0);
}

static void* write_to_null(void* unused) {
  volatile int* volatile null = NULL;
  usleep(1000);
  *null = 1;
  return unused;
}

// Its number is as good as any: not mapped, far from null and from every stack.
static void* write_far_away(void* unused) {
  volatile int* volatile far = (volatile int*)0x123400000000;
  *far = 1;
  return unused;
}

static void handle(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)info;
  (void)context;
  static const char text[] = "the program's own handler\n";
  _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 3 : 4);
}

static void set_handler(int flags) {
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | flags};
  sigaction(SIGSEGV, &action, NULL);
}

static void set_alternate_stack(void) {
  stack_t stack = {.ss_size = 65536, .ss_sp = malloc(65536)};
  sigaltstack(&stack, NULL);
}

static void* overflow_with_alternate_stack(void* unused) {
  set_alternate_stack();
  return overflow(unused);
}

static void* keep_alive(void* unused) {
  sleep(20);
  return unused;
}

static void run_in_thread(void* (*run)(void*), size_t stack_size) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (stack_size) pthread_attr_setstacksize(&attributes, stack_size);
  pthread_create(&thread, &attributes, run, NULL);
  pthread_join(thread, NULL);
}

int main(int argc, char** argv) {
  pthread_t other;
  const char* how = argc > 1 ? argv[1] : "";
  pthread_create(&other, NULL, keep_alive, NULL);
  if (strcmp(how, "thread") == 0) run_in_thread(overflow, 0);
  if (strcmp(how, "small-stack") == 0) run_in_thread(overflow, 65536);
  if (strcmp(how, "deep") == 0) run_in_thread(go_deep, 0);
  if (strcmp(how, "null") == 0) run_in_thread(write_to_null, 0);
  if (strcmp(how, "far") == 0) run_in_thread(write_far_away, 0);
  if (strcmp(how, "main-null") == 0) write_to_null(NULL);
  set_handler(SA_ONSTACK);
  if (strcmp(how, "handled-null") == 0) run_in_thread(write_to_null, 0);
  if (strcmp(how, "handled-overflow") == 0) run_in_thread(overflow_with_alternate_stack, 0);
  set_alternate_stack();
  if (strcmp(how, "handled-main-null") == 0) write_to_null(NULL);
  if (strcmp(how, "handled-main-overflow") == 0) overflow(NULL);
  fprintf(stderr, "overflow: how?\n");
  return 2;
}
