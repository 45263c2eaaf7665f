// A kernel thread that has been cancelled comes to a call: a cancellation point ends it there, by unwinding our frames,
// and syscall() does not. libc's own pthread_create, asked for by name, makes kernel threads.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/case.h"

enum { kReturned = 1, kCleanedUp };

struct Call {
  void (*make)(int fd);
  int fd, end;
};

static void clean_up(void* call) { ((struct Call*)call)->end = kCleanedUp; }

static void* run(void* argument) {
  struct Call* call = argument;
  pthread_cleanup_push(clean_up, call);
  pthread_cancel(pthread_self());
  call->make(call->fd);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  call->end = kReturned;
  pthread_cleanup_pop(0);
  return NULL;
}

static void* nothing(void* argument) { return argument; }

static int end_of(void (*make)(int fd)) {
  join(start(nothing, NULL));  // from now on there is a hub
  struct Call call = {make, open("/dev/zero", O_RDWR), 0};
  int (*create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  *(void**)&create = dlsym(dlopen("libc.so.6", RTLD_LAZY), "pthread_create");
  pthread_t thread;
  CHECK_EQ(create(&thread, NULL, run, &call), 0);
  join(thread);
  return call.end;
}

static void do_close(int fd) { close(fd); }

static void do_read(int fd) {
  char byte;
  if (read(fd, &byte, 1) != 1) perror("read");
}

static void do_getc(int fd) { getc(fdopen(fd, "r")); }

static void do_reopen(int fd) {
  FILE* stream = fdopen(fd, "r");
  if (freopen("/dev/null", "r", stream) == NULL) perror("freopen");
}

static void do_syscall_read(int fd) {
  char byte;
  syscall(SYS_read, fd, &byte, 1);
}

static void do_syscall_close(int fd) { syscall(SYS_close, fd); }

CASE(cancelled_close) { CHECK_EQ(end_of(do_close), kCleanedUp); }
CASE(cancelled_read) { CHECK_EQ(end_of(do_read), kCleanedUp); }
CASE(cancelled_getc) { CHECK_EQ(end_of(do_getc), kCleanedUp); }
CASE(cancelled_freopen) { CHECK_EQ(end_of(do_reopen), kCleanedUp); }
CASE(syscall_is_not_cancelled) {
  CHECK_EQ(end_of(do_syscall_read), kReturned);
  CHECK_EQ(end_of(do_syscall_close), kReturned);
}
