// Handlers during waits for children and file locks, and opens of FIFOs: signal(7).
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/posix/holds.h"
#include "tests/support/interrupted.h"

static int until[2], ready[2], file, other, status;
static pid_t child;
static char path[64];

// A child that lives until its pipe is closed.
static void begin_child(void (*before)(void)) {
  char byte;
  CHECK_EQ(pipe2(until, O_CLOEXEC), 0);
  CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(until[1]);
    before();
    if (write(ready[1], "x", 1) != 1 || read(until[0], &byte, 1) != 0) _exit(1);
    _exit(3);
  }
  close(until[0]);
  CHECK_EQ(read(ready[0], &byte, 1), 1);
}
static void start_child(void) { begin_child(nothing); }
static void end_child(void) {
  if (until[1] >= 0) close(until[1]);
  until[1] = -1;
}
static void bury_child(void) {
  end_child();
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  close(ready[0]);
  close(ready[1]);
}

static long is_child(pid_t got) {
  return got < 0 ? -1 : got == child && WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 1 : 2;
}
static long call_wait(void) { return is_child(wait(&status)); }
static long call_waitpid(void) { return is_child(waitpid(child, &status, 0)); }
static long call_waitpid_any(void) { return is_child(waitpid(-1, &status, 0)); }
static long call_wait3(void) { return is_child(wait3(&status, 0, NULL)); }
static long call_wait4(void) {
  struct rusage usage;
  return is_child(wait4(child, &status, 0, &usage));
}
static long call_waitid(void) {
  siginfo_t information;
  if (waitid(P_PID, (id_t)child, &information, WEXITED) < 0) return -1;
  return information.si_pid == child && information.si_status == 3 ? 1 : 2;
}
static long call_waitid_all(void) {
  siginfo_t information;
  if (waitid(P_ALL, 0, &information, WEXITED) < 0) return -1;
  return information.si_pid == child && information.si_status == 3 ? 1 : 2;
}

static const struct Blocking children[] = {
    {"wait", "", start_child, call_wait, end_child, bury_child, 1, restarts},
    {"waitpid", "", start_child, call_waitpid, end_child, bury_child, 1, restarts},
    {"waitpid", ", for any", start_child, call_waitpid_any, end_child, bury_child, 1, restarts},
    {"wait3", "", start_child, call_wait3, end_child, bury_child, 1, restarts},
    {"wait4", "", start_child, call_wait4, end_child, bury_child, 1, restarts},
    {"waitid", "", start_child, call_waitid, end_child, bury_child, 1, restarts},
    {"waitid", ", for any", start_child, call_waitid_all, end_child, bury_child, 1, restarts},
};

static void open_file(void) {
  strcpy(path, "/tmp/evergreen-posix-XXXXXX");
  file = mkstemp(path);
  other = open(path, O_RDWR);
  CHECK(file >= 0 && other >= 0);
  CHECK_EQ(unlink(path), 0);
}
static void close_file(void) {
  close(file);
  close(other);
}

static void lock_other(void) {
  open_file();
  CHECK_EQ(flock(other, LOCK_EX), 0);
}
static void unlock_other(void) { CHECK_EQ(flock(other, LOCK_UN), 0); }
static long call_flock(void) { return flock(file, LOCK_EX); }

static struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
static void lock_other_description(void) {
  open_file();
  CHECK_EQ(fcntl(other, F_OFD_SETLK, &whole), 0);
}
static void unlock_other_description(void) {
  struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  CHECK_EQ(fcntl(other, F_OFD_SETLK, &none), 0);
}
static long call_description_lock(void) { return fcntl(file, F_OFD_SETLKW, &whole); }

static void lock_in_child(void) {
  if (fcntl(file, F_SETLK, &whole) != 0) _exit(2);
}
static void lock_by_child(void) {
  open_file();
  begin_child(lock_in_child);
}
static void end_lock(void) {
  bury_child();
  close_file();
}
static long call_record_lock(void) { return fcntl(file, F_SETLKW, &whole); }
static long call_lockf(void) { return lockf(file, F_LOCK, 0); }

static const struct Blocking locks[] = {
    {"flock", "", lock_other, call_flock, unlock_other, close_file, 0, restarts},
    {"fcntl", ", F_OFD_SETLKW", lock_other_description, call_description_lock, unlock_other_description, close_file, 0,
     restarts},
    {"fcntl", ", F_SETLKW", lock_by_child, call_record_lock, end_child, end_lock, 0, restarts},
    {"lockf", "", lock_by_child, call_lockf, end_child, end_lock, 0, restarts},
};

static void make_fifo(void) {
  strcpy(path, "/tmp/evergreen-posix-XXXXXX");
  CHECK(mkdtemp(path) != NULL);
  strcat(path, "/fifo");
  CHECK_EQ(mkfifo(path, 0600), 0);
  file = other = -1;
}
static void remove_fifo(void) {
  if (file >= 0) close(file);
  if (other >= 0) close(other);
  CHECK_EQ(unlink(path), 0);
  *strrchr(path, '/') = 0;
  CHECK_EQ(rmdir(path), 0);
}
static void open_other_to_write(void) { CHECK((other = open(path, O_RDWR)) >= 0); }
static long opened(int fd) {
  file = fd;
  return fd < 0 ? -1 : 0;
}
static long call_open(void) { return opened(open(path, O_RDONLY)); }
static long call_open_to_write(void) { return opened(open(path, O_WRONLY)); }
static long call_openat(void) { return opened(openat(AT_FDCWD, path, O_RDONLY)); }
static long call_creat(void) { return opened(creat(path, 0600)); }
static long call_fopen(void) {
  FILE* stream = fopen(path, "r");
  if (stream == NULL) return -1;
  fclose(stream);
  return 0;
}

static const struct Blocking opens[] = {
    {"open", ", of a FIFO to read", make_fifo, call_open, open_other_to_write, remove_fifo, 0, restarts},
    {"open", ", of a FIFO to write", make_fifo, call_open_to_write, open_other_to_write, remove_fifo, 0, restarts},
    {"openat", ", of a FIFO", make_fifo, call_openat, open_other_to_write, remove_fifo, 0, restarts},
    {"creat", ", of a FIFO", make_fifo, call_creat, open_other_to_write, remove_fifo, 0, restarts},
    {"fopen", ", of a FIFO", make_fifo, call_fopen, open_other_to_write, remove_fifo, 0, restarts},
};

static FILE* stream;
static char* command(void) {
  static char text[128];
  snprintf(text, sizeof text, "read line <%s; exit 5", path);
  return text;
}
static void open_process(void) {
  make_fifo();
  CHECK((stream = popen(command(), "r")) != NULL);
}
static long call_pclose(void) { return WEXITSTATUS(pclose(stream)); }
static long call_system(void) { return WEXITSTATUS(system(command())); }
static void tell_system(void) {
  open_other_to_write();
  CHECK_EQ(write(other, "x\n", 2), 2);
}

static const struct Blocking processes[] = {
    {"system", "", make_fifo, call_system, tell_system, remove_fifo, 5, goes_on},
    {"pclose", "", open_process, call_pclose, tell_system, remove_fifo, 5, goes_on},
};

CASE(children) { STATE(children); }

CASE(locks) { STATE(locks); }

CASE(opens) { STATE(opens); }

CASE(processes) { STATE(processes); }
