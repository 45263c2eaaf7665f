// Alternate stacks for handlers, one for each thread: sigaltstack. POSIX.1-2017, sigaltstack(2).
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)  // Linux 4.7; glibc has no name for it
#endif

enum { kSize = 64 * 1024 };

static __thread char* stack_of_thread;

static char* new_stack(int flags) {
  char* bytes = malloc(kSize);
  stack_t stack = {.ss_sp = bytes, .ss_size = kSize, .ss_flags = flags};
  CHECK_EQ(sigaltstack(&stack, NULL), 0);
  stack_of_thread = bytes;
  return bytes;
}

static void no_stack(void) {
  stack_t stack = {.ss_flags = SS_DISABLE};
  CHECK_EQ(sigaltstack(&stack, NULL), 0);
  free(stack_of_thread);
  stack_of_thread = NULL;
}

static bool is_on(const char* stack, const void* address) {
  return (const char*)address >= stack && (const char*)address < stack + kSize;
}

static struct {
  bool on_stack;
  int flags, change_error;
  bool was_refused;
} inside;

static void look(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  (void)context;
  char local;
  stack_t now, none = {.ss_flags = SS_DISABLE};
  inside.on_stack = is_on(stack_of_thread, &local);
  CHECK_EQ(sigaltstack(NULL, &now), 0);
  inside.flags = now.ss_flags;
  errno = 0;
  inside.was_refused = sigaltstack(&none, NULL) == -1;
  inside.change_error = errno;
}

static void basics(void* unused) {
  (void)unused;
  stack_t now, wrong = {.ss_sp = &now, .ss_size = kSize, .ss_flags = 77};
  HOLDS(sigaltstack, "a thread begins without one", sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
  HOLDS(sigaltstack, "EINVAL for other flags", (errno = 0, sigaltstack(&wrong, NULL)) == -1 && errno == EINVAL);
  wrong = (stack_t){.ss_sp = &now, .ss_size = 1024};
  HOLDS(sigaltstack, "ENOMEM below MINSIGSTKSZ", (errno = 0, sigaltstack(&wrong, NULL)) == -1 && errno == ENOMEM);
  char* stack = new_stack(0);
  HOLDS(sigaltstack, "gives what was set",
        sigaltstack(NULL, &now) == 0 && now.ss_sp == stack && now.ss_size == kSize && now.ss_flags == 0);
  handle_with(SIGUSR1, SA_ONSTACK, look);
  raise(SIGUSR1);
  HOLDS(sigaction, "SA_ONSTACK: the handler runs on the alternate stack", inside.on_stack);
  HOLDS(sigaltstack, "SS_ONSTACK is reported there", inside.flags == SS_ONSTACK);
  HOLDS(sigaltstack, "EPERM: it cannot be changed there", inside.was_refused && inside.change_error == EPERM);
  HOLDS(sigaltstack, "after the handler it is as before", sigaltstack(NULL, &now) == 0 && now.ss_flags == 0);
  handle_with(SIGUSR1, 0, look);
  raise(SIGUSR1);
  HOLDS(sigaction, "without SA_ONSTACK the handler runs on the thread's stack", !inside.on_stack && inside.flags == 0);
  new_stack(0);
  free(stack);
  no_stack();
  HOLDS(sigaltstack, "SS_DISABLE ends it", sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
  handle_with(SIGUSR1, SA_ONSTACK, look);
  stack_of_thread = stack = malloc(kSize);
  raise(SIGUSR1);
  HOLDS(sigaction, "SA_ONSTACK without one: the handler runs on the thread's stack", !inside.on_stack);
  free(stack);
}

CASE(main_thread) { basics(NULL); }

CASE(other_thread) {
  struct Servant servant;
  new_stack(0);
  hire(&servant);
  ask(&servant, basics, NULL);
  dismiss(&servant);
  stack_t now;
  HOLDS(sigaltstack, "another thread's changes leave this one's alone",
        sigaltstack(NULL, &now) == 0 && now.ss_sp == stack_of_thread && now.ss_flags == 0);
  no_stack();
}

static void disarmed(void* unused) {
  (void)unused;
  stack_t now;
  char* stack = new_stack((int)SS_AUTODISARM);
  handle_with(SIGUSR1, SA_ONSTACK, look);
  raise(SIGUSR1);
  HOLDS(sigaltstack, "SS_AUTODISARM: disabled within the handler, which runs on it",
        inside.on_stack && inside.flags == SS_DISABLE && !inside.was_refused);
  HOLDS(sigaltstack, "SS_AUTODISARM: set again after it",
        sigaltstack(NULL, &now) == 0 && now.ss_sp == stack && now.ss_flags == (int)SS_AUTODISARM);
  no_stack();
}

static bool nested_on_stack;
static char* outer_local;

static void nested_look(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  (void)context;
  char local;
  nested_on_stack = is_on(stack_of_thread, &local) && &local < outer_local;
}

static void nest(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  (void)context;
  char local;
  outer_local = &local;
  raise(SIGUSR2);
}

static void nested(void* unused) {
  (void)unused;
  new_stack(0);
  handle_with(SIGUSR1, SA_ONSTACK, nest);
  handle_with(SIGUSR2, SA_ONSTACK, nested_look);
  raise(SIGUSR1);
  HOLDS(sigaction, "SA_ONSTACK: a handler that interrupts another goes on on the same stack", nested_on_stack);
  no_stack();
}

static sigjmp_buf back;

static void jump(int number, siginfo_t* information, void* context) {
  look(number, information, context);
  siglongjmp(back, 1);
}

static void jumps(void* unused) {
  (void)unused;
  stack_t now;
  new_stack(0);
  handle_with(SIGUSR1, SA_ONSTACK, jump);
  for (int i = 0; i < 2; i++) {
    inside.on_stack = false;
    if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
    HOLDS(siglongjmp, "out of a handler on the alternate stack, more than once", inside.on_stack);
  }
  HOLDS(siglongjmp, "leaves the alternate stack, which is as before",
        sigaltstack(NULL, &now) == 0 && now.ss_flags == 0 && now.ss_sp == stack_of_thread);
  HOLDS(siglongjmp, "restores the mask that sigsetjmp saved", !is_blocked(SIGUSR1));
  no_stack();
}

static void more(void* unused) {
  disarmed(unused);
  nested(unused);
  jumps(unused);
}

CASE(more_main) { more(NULL); }

CASE(more_other) {
  struct Servant servant;
  hire(&servant);
  ask(&servant, more, NULL);
  dismiss(&servant);
}

enum { kThreads = 4 };

static int arrived, right;

// All threads are within, on their stacks, at once.
static void gather(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  (void)context;
  char local[1000];
  memset(local, 7, sizeof local);
  __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < kThreads) sched_yield();
  stack_t now;
  CHECK_EQ(sigaltstack(NULL, &now), 0);
  bool is_own = is_on(stack_of_thread, local) && now.ss_sp == stack_of_thread && now.ss_flags == SS_ONSTACK;
  for (size_t i = 0; i < sizeof local; i++) is_own = is_own && local[i] == 7;
  __atomic_fetch_add(&right, is_own, __ATOMIC_SEQ_CST);
}

static void* handle_on_own(void* unused) {
  new_stack(0);
  raise(SIGUSR1);
  no_stack();
  return unused;
}

CASE(each_its_own) {
  pthread_t threads[kThreads];
  arrived = right = 0;
  handle_with(SIGUSR1, SA_ONSTACK, gather);
  for (int i = 0; i < kThreads; i++) threads[i] = start(handle_on_own, NULL);
  join_all(threads, kThreads);
  HOLDS(sigaltstack, "four threads handle a signal at once, each on its own", right == kThreads);
}

static void set_own(void* stack) { *(char**)stack = new_stack(0); }
static void end_own(void* unused) {
  (void)unused;
  no_stack();
}

CASE(while_it_waits) {
  struct Servant servant;
  char* stack = NULL;
  hire(&servant);
  ask(&servant, set_own, &stack);
  handle_with(SIGUSR1, SA_ONSTACK, look);
  inside.on_stack = false;
  pthread_kill(servant.thread, SIGUSR1);
  ask(&servant, end_own, NULL);  // the handler has run before
  HOLDS(sigaltstack, "the handler of a thread that waits runs on its alternate stack", inside.on_stack);
  dismiss(&servant);
}
