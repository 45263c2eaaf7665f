// siglongjmp out of handlers, and the masks that sigsetjmp saves. POSIX.1-2017.
#include <setjmp.h>
#include <ucontext.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"

static __thread sigjmp_buf back;

static void jump(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  siglongjmp(back, number);
}

static void masks(void* unused) {
  (void)unused;
  handle_with(SIGUSR1, 0, jump);
  block(SIGUSR2);
  int result = sigsetjmp(back, 1);
  if (result == 0) {
    unblock(SIGUSR2);
    raise(SIGUSR1);
  }
  HOLDS(siglongjmp, "out of a handler: sigsetjmp gives the value", result == SIGUSR1);
  HOLDS(siglongjmp, "the mask is that of the sigsetjmp that saved it", !is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
  unblock(SIGUSR2);
  result = sigsetjmp(back, 0);
  if (result == 0) raise(SIGUSR1);
  HOLDS(siglongjmp, "without a saved mask: the handler's stays", result == SIGUSR1 && is_blocked(SIGUSR1));
  unblock(SIGUSR1);
  forget_seen();
  volatile int jumps = 0;
  if (sigsetjmp(back, 1) != 0) jumps++;
  if (jumps < 50) raise(SIGUSR1);
  HOLDS(siglongjmp, "out of fifty handlers, one after the other", jumps == 50 && seen_count() == 50);
}

// Sends while the thread waits, computes, or is between both: it jumps out of any.
static int jumper_is_ready, is_over;

static void jump_out_of_read(void* ends) {
  char byte;
  if (sigsetjmp(back, 1) == 0) {
    set_flag(&jumper_is_ready);
    CHECK_EQ(read(((int*)ends)[0], &byte, 1), -2);  // never returns
  }
  set_flag(&is_over);
}

static void jump_out_of_loop(void* unused) {
  (void)unused;
  if (sigsetjmp(back, 1) == 0) {
    set_flag(&jumper_is_ready);
    for (;;) __asm__ volatile("" ::: "memory");
  }
  set_flag(&is_over);
}

static void jump_out_of_sleep(void* unused) {
  (void)unused;
  if (sigsetjmp(back, 1) == 0) {
    set_flag(&jumper_is_ready);
    sleep(1000);
  }
  set_flag(&is_over);
}

static void jump_out_of_lock(void* lock) {
  if (sigsetjmp(back, 1) == 0) {
    set_flag(&jumper_is_ready);
    while (sem_wait(lock) != 0) continue;
  }
  set_flag(&is_over);
}

static bool jumps_out(struct Servant* servant, void (*task)(void*), void* argument) {
  jumper_is_ready = is_over = 0;
  forget_seen();
  request(servant, task, argument);
  await_flag(&jumper_is_ready);
  pthread_kill(servant->thread, SIGUSR1);
  await_flag(&is_over);
  await_done(servant);
  return saw_once(SIGUSR1, servant->thread);
}

CASE(masks) {
  forget_seen();
  masks(NULL);
}

CASE(masks_in_thread) {
  struct Servant servant;
  hire(&servant);
  ask(&servant, masks, NULL);
  dismiss(&servant);
}

CASE(out_of_waits) {
  struct Servant servant;
  int ends[2];
  sem_t never;
  CHECK_EQ(pipe(ends), 0);
  sem_init(&never, 0, 0);
  handle_with(SIGUSR1, SA_RESTART, jump);
  hire(&servant);
  HOLDS(siglongjmp, "out of a handler that interrupted read", jumps_out(&servant, jump_out_of_read, ends));
  CHECK_EQ(write(ends[1], "x", 1), 1);
  char byte;
  HOLDS(read, "the bytes are there for the next", read(ends[0], &byte, 1) == 1);
  HOLDS(siglongjmp, "out of a handler that interrupted a computation", jumps_out(&servant, jump_out_of_loop, NULL));
  HOLDS(siglongjmp, "out of a handler that interrupted sleep", jumps_out(&servant, jump_out_of_sleep, NULL));
  HOLDS(siglongjmp, "out of a handler that interrupted sem_wait", jumps_out(&servant, jump_out_of_lock, &never));
  sem_post(&never);
  HOLDS(sem_wait, "the semaphore is there for the next", sem_wait(&never) == 0);
  HOLDS(siglongjmp, "and again", jumps_out(&servant, jump_out_of_read, ends));
  dismiss(&servant);
  close(ends[0]);
  close(ends[1]);
}

static ucontext_t here, there;
static char there_stack[256 * 1024];
static bool there_blocked;

static void run_there(void) {
  there_blocked = is_blocked(SIGUSR2) && !is_blocked(SIGUSR1);
  setcontext(&here);
}

static void contexts(void* unused) {
  (void)unused;
  CHECK_EQ(getcontext(&there), 0);
  there.uc_stack = (stack_t){.ss_sp = there_stack, .ss_size = sizeof there_stack};
  there.uc_link = NULL;
  there.uc_sigmask = set_of(SIGUSR2);
  makecontext(&there, run_there, 0);
  block(SIGUSR1);
  CHECK_EQ(swapcontext(&here, &there), 0);
  HOLDS(swapcontext, "the mask is the context's there", there_blocked);
  HOLDS(swapcontext, "and that of before again here", is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
  unblock(SIGUSR1);
}

CASE(contexts) {
  struct Servant servant;
  contexts(NULL);
  hire(&servant);
  ask(&servant, contexts, NULL);
  dismiss(&servant);
}
