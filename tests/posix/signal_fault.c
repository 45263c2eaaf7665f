// Signals that the thread itself causes: faults, and SIGPIPE. They are the causing thread's. POSIX.1-2017 2.4.
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/signals.h"
#include "tests/support/sockets.h"

enum { kThreads = 4, kRounds = 100, kPage = 4096 };

struct Fault {
  sigjmp_buf back;
  siginfo_t information;
  pthread_t thread;
};

static __thread struct Fault fault;

static void jump_back(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)context;
  fault.information = *information;
  fault.thread = pthread_self();
  siglongjmp(fault.back, 1);
}

static char* volatile nowhere = (char*)8;
static char* read_only;
static char* beyond_end;
static volatile int zero;

static void write_nowhere(void) { *nowhere = 1; }
static void write_read_only(void) { *(volatile char*)read_only = 1; }
static void read_beyond_end(void) { (void)*(volatile char*)beyond_end; }
static void divide(void) {
  volatile int one = 1;
  one = one / zero;
}
static void execute_nothing(void) { __asm__ volatile("ud2"); }
static void trap(void) { __asm__ volatile("int3"); }

enum { kAnyCode = -1000 };

static bool faults(void (*cause)(void), int number, int code) {
  volatile bool returned = false;
  fault.information.si_signo = 0;
  if (sigsetjmp(fault.back, 1) == 0) {
    cause();
    returned = true;
  }
  return !returned && fault.information.si_signo == number && (code == kAnyCode || fault.information.si_code == code) &&
         pthread_equal(fault.thread, pthread_self()) && !is_blocked(number);
}

static void map(void) {
  read_only = mmap(NULL, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  beyond_end = mmap(NULL, kPage, PROT_READ, MAP_SHARED, file, 0);
  CHECK(read_only != MAP_FAILED && beyond_end != MAP_FAILED);
  close(file);
}

static void all_faults(void* unused) {
  (void)unused;
  int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++) handle_with(numbers[i], 0, jump_back);
  HOLDS(sigaction, "SIGSEGV: SEGV_MAPERR where nothing is mapped", faults(write_nowhere, SIGSEGV, SEGV_MAPERR));
  HOLDS(sigaction, "SIGSEGV: si_addr is the address", fault.information.si_addr == nowhere);
  HOLDS(sigaction, "SIGSEGV: SEGV_ACCERR where it may not write", faults(write_read_only, SIGSEGV, SEGV_ACCERR));
  HOLDS(sigaction, "SIGBUS: BUS_ADRERR beyond the end of a file", faults(read_beyond_end, SIGBUS, BUS_ADRERR));
  HOLDS(sigaction, "SIGFPE: FPE_INTDIV", faults(divide, SIGFPE, FPE_INTDIV));
  HOLDS(sigaction, "SIGILL: ILL_ILLOPN", faults(execute_nothing, SIGILL, ILL_ILLOPN));
  HOLDS(sigaction, "SIGTRAP: a handler jumps away from a breakpoint", faults(trap, SIGTRAP, SI_KERNEL));
}

static int traps;

static void count_trap(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  (void)context;
  traps++;
}

static void faults_and_traps(void* unused) {
  handle_with(SIGTRAP, 0, count_trap);
  traps = 0;
  trap();
  HOLDS(sigaction, "SIGTRAP: a handler returns behind the breakpoint", traps == 1);
  all_faults(unused);
  handle(SIGSEGV, 0);
  forget_seen();
  raise(SIGSEGV);
  struct Seen seen = seen_at(0);
  HOLDS(raise, "SIGSEGV may be sent like another signal", saw_once(SIGSEGV, pthread_self()) && seen.code == SI_TKILL);
}

CASE(main_thread) {
  map();
  faults_and_traps(NULL);
}

CASE(other_thread) {
  struct Servant servant;
  map();
  hire(&servant);
  ask(&servant, faults_and_traps, NULL);
  dismiss(&servant);
}

static void* fault_often(void* unused) {
  long right = 0;
  for (int i = 0; i < kRounds; i++) {
    right += faults(i % 2 ? write_nowhere : divide, i % 2 ? SIGSEGV : SIGFPE, i % 2 ? SEGV_MAPERR : FPE_INTDIV);
    if (i % 10 == 0) sched_yield();
  }
  (void)unused;
  return (void*)right;
}

CASE(several_at_once) {
  pthread_t threads[kThreads];
  handle_with(SIGSEGV, 0, jump_back);
  handle_with(SIGFPE, 0, jump_back);
  for (int i = 0; i < kThreads; i++) threads[i] = start(fault_often, NULL);
  long right = 0;
  for (int i = 0; i < kThreads; i++) right += (long)join(threads[i]);
  HOLDS(sigaction, "four threads fault a hundred times each, and each handles its own", right == kThreads * kRounds);
}

// As garbage collectors do: the handler makes the page writable, and the instruction is tried again.
static void allow(int number, siginfo_t* information, void* context) {
  see(number, information, context);
  char* page = (char*)((unsigned long)information->si_addr & ~(kPage - 1UL));
  if (mprotect(page, kPage, PROT_READ | PROT_WRITE) != 0) _exit(5);
}

static void* write_pages(void* bytes) {
  for (int i = 0; i < 10; i++) ((volatile char*)bytes)[i * kPage] = 1;
  return NULL;
}

CASE(goes_on) {
  pthread_t threads[kThreads];
  char* pages[kThreads];
  forget_seen();
  handle_with(SIGSEGV, 0, allow);
  for (int i = 0; i < kThreads; i++) {
    pages[i] = mmap(NULL, 10 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    threads[i] = start(write_pages, pages[i]);
  }
  join_all(threads, kThreads);
  HOLDS(sigaction, "a handler that returns has the instruction tried again", seen_count() == 10 * kThreads);
}

enum { kAlternate = 64 * 1024 };

__attribute__((noinline)) static int overflow(int depth) {
  volatile char bytes[1024];
  bytes[0] = (char)depth;
  return depth < 0 ? 0 : overflow(depth + 1) + bytes[0];
}

static void overflow_stack(void) { overflow(0); }

static void* overflow_twice(void* alternate) {
  stack_t stack = {.ss_sp = alternate, .ss_size = kAlternate}, none = {.ss_flags = SS_DISABLE};
  CHECK_EQ(sigaltstack(&stack, NULL), 0);
  long right = faults(overflow_stack, SIGSEGV, kAnyCode) + faults(overflow_stack, SIGSEGV, kAnyCode);
  CHECK_EQ(sigaltstack(&none, NULL), 0);
  return (void*)right;
}

CASE(overflow) {
  pthread_attr_t attributes;
  pthread_t thread;
  char* alternate = malloc(kAlternate);
  pthread_attr_init(&attributes);
  CHECK_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  handle_with(SIGSEGV, SA_ONSTACK, jump_back);
  CHECK_EQ(pthread_create(&thread, &attributes, overflow_twice, alternate), 0);
  HOLDS(sigaltstack, "a thread whose stack overflows handles SIGSEGV there, and goes on", (long)join(thread) == 2);
  free(alternate);
}

static int ends[2];

static void write_to_nobody(void* unused) {
  (void)unused;
  forget_seen();
  handle(SIGPIPE, 0);
  HOLDS(write, "to a pipe that nobody reads: SIGPIPE to the thread, and EPIPE",
        (errno = 0, write(ends[1], "x", 1)) == -1 && errno == EPIPE && saw_once(SIGPIPE, pthread_self()));
  block(SIGPIPE);
  HOLDS(write, "where the thread blocks SIGPIPE, that is pending",
        (errno = 0, write(ends[1], "x", 1)) == -1 && errno == EPIPE && is_pending(SIGPIPE));
  sigset_t set = set_of(SIGPIPE);
  struct timespec none = {0, 0};
  HOLDS(sigtimedwait, "takes such a SIGPIPE", sigtimedwait(&set, NULL, &none) == SIGPIPE && !is_pending(SIGPIPE));
  unblock(SIGPIPE);
  HOLDS(write, "and its handler does not run", seen_count() == 1);
  int pair[2];
  open_pair(SOCK_STREAM, pair);
  close(pair[0]);
  forget_seen();
  HOLDS(send, "to a socket that nobody reads: SIGPIPE and EPIPE",
        (errno = 0, send(pair[1], "x", 1, 0)) == -1 && errno == EPIPE && saw_once(SIGPIPE, pthread_self()));
  HOLDS(send, "MSG_NOSIGNAL: EPIPE alone",
        (errno = 0, send(pair[1], "x", 1, MSG_NOSIGNAL)) == -1 && errno == EPIPE && seen_count() == 1);
  signal(SIGPIPE, SIG_IGN);
  HOLDS(write, "EPIPE alone where SIGPIPE is ignored", (errno = 0, write(ends[1], "x", 1)) == -1 && errno == EPIPE);
  signal(SIGPIPE, SIG_DFL);
  close(pair[1]);
}

static void note_pending(void* result) { *(bool*)result = is_pending(SIGPIPE); }

CASE(pipe) {
  struct Servant servant;
  bool has = true;
  open_pipe(ends);
  close(ends[0]);
  write_to_nobody(NULL);
  hire(&servant);
  ask(&servant, write_to_nobody, NULL);
  handle(SIGPIPE, 0);
  block(SIGPIPE);
  if (write(ends[1], "x", 1) == -1) ask(&servant, note_pending, &has);
  HOLDS(write, "its SIGPIPE is not pending for other threads", !has && is_pending(SIGPIPE));
  unblock(SIGPIPE);
  dismiss(&servant);
  close(ends[1]);
}
