// Locks on files: flock, lockf, fcntl. Who waits for one lets the other threads run, and one of them lets go of it.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

int plain_lockf(int, int, off_t) __asm__("lockf");
int large_lockf(int, int, off_t) __asm__("lockf64");
int plain_fcntl(int, int, ...) __asm__("fcntl");
int large_fcntl(int, int, ...) __asm__("fcntl64");
int __fcntl(int, int, ...);

// One file, opened twice.
struct File {
  int waits, holds;
  int (*fcntl)(int, int, ...);
};

static void open_file(struct File* file) {
  char name[] = "/tmp/evergreen-lock-XXXXXX";
  file->waits = mkstemp(name);
  file->holds = open(name, O_RDWR);
  CHECK(file->waits >= 0 && file->holds >= 0);
  unlink(name);
}

static void close_file(struct File* file) {
  close(file->waits);
  close(file->holds);
}

static void check_waits(int result) {
  CHECK_EQ(result, 0);
  CHECK_EQ(errno, ENOTTY);  // as it was
}

// Whether the kernel lists a wait for a lock on the file of `fd`.
static bool is_waited_for(int fd) {
  char line[200], inode[30];
  struct stat status;
  bool found = false;
  CHECK_EQ(fstat(fd, &status), 0);
  snprintf(inode, sizeof inode, ":%lu ", (unsigned long)status.st_ino);
  FILE* locks = fopen("/proc/locks", "r");
  CHECK(locks);
  while (fgets(line, sizeof line, locks)) found |= strstr(line, "-> ") && strstr(line, inode);
  fclose(locks);
  return found;
}

static void await_waiter(int fd) {
  while (!is_waited_for(fd)) usleep(1000);
}

static void wait_with_flock(void* argument) {
  struct File* file = argument;
  CHECK_FAILS(flock(file->waits, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  errno = ENOTTY;
  check_waits(flock(file->waits, LOCK_EX));
  check_waits(flock(file->waits, LOCK_SH));
  check_waits(flock(file->waits, LOCK_UN));
  check_waits(flock(file->holds, LOCK_EX));  // for the next time
}

static void end_flock(void* argument) {
  struct File* file = argument;
  await_waiter(file->holds);
  CHECK_EQ(flock(file->holds, LOCK_UN), 0);
}

CASE(flock) {
  struct File file;
  open_file(&file);
  CHECK_EQ(flock(file.holds, LOCK_EX), 0);
  meet(wait_with_flock, end_flock, &file);
  CHECK_FAILS(flock(file.waits, 0), EINVAL);
  close_file(&file);
  CHECK_FAILS(flock(file.waits, LOCK_EX), EBADF);
}

// Who converts a lock, and must wait for the new one, has lost the old one: so the other may convert his.
static void convert(void* argument) {
  struct File* file = argument;
  CHECK_EQ(flock(file->waits, LOCK_SH), 0);
  errno = ENOTTY;
  check_waits(flock(file->waits, LOCK_EX));
  check_waits(flock(file->waits, LOCK_UN));
  check_waits(flock(file->holds, LOCK_SH));
}

static void convert_other(void* argument) {
  struct File* file = argument;
  await_waiter(file->holds);
  CHECK_EQ(flock(file->holds, LOCK_EX | LOCK_NB), 0);
  await_waiter(file->holds);
  CHECK_EQ(flock(file->holds, LOCK_UN), 0);
}

CASE(flock_that_converts) {
  struct File file;
  open_file(&file);
  CHECK_EQ(flock(file.holds, LOCK_SH), 0);
  meet(convert, convert_other, &file);
  close_file(&file);
}

// Locks of open file descriptions.
static int set_lock(struct File* file, int fd, int command, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 1, .l_len = 2};
  return file->fcntl(fd, command, &lock);
}

static void wait_for_description(void* argument) {
  struct File* file = argument;
  CHECK_FAILS(set_lock(file, file->waits, F_OFD_SETLK, F_WRLCK), EAGAIN);
  errno = ENOTTY;
  check_waits(set_lock(file, file->waits, F_OFD_SETLKW, F_WRLCK));
  check_waits(set_lock(file, file->waits, F_OFD_SETLKW, F_RDLCK));
  check_waits(set_lock(file, file->waits, F_OFD_SETLKW, F_UNLCK));
  check_waits(set_lock(file, file->holds, F_OFD_SETLKW, F_WRLCK));
}

static void end_description(void* argument) {
  struct File* file = argument;
  await_waiter(file->holds);
  CHECK_EQ(set_lock(file, file->holds, F_OFD_SETLK, F_UNLCK), 0);
}

static void meet_by_fcntl(int (*call)(int, int, ...)) {
  struct File file = {.fcntl = call};
  open_file(&file);
  CHECK_EQ(set_lock(&file, file.holds, F_OFD_SETLK, F_WRLCK), 0);
  meet(wait_for_description, end_description, &file);
  close_file(&file);
  CHECK_FAILS(set_lock(&file, file.waits, F_OFD_SETLKW, F_WRLCK), EBADF);
  CHECK_FAILS(set_lock(&file, file.waits, F_SETLKW, F_WRLCK), EBADF);
}

CASE(fcntl) { meet_by_fcntl(plain_fcntl); }
CASE(fcntl64) { meet_by_fcntl(large_fcntl); }
CASE(__fcntl) { meet_by_fcntl(__fcntl); }

// Locks of a process: a child holds them. It obeys commands, and answers each with the same byte.
struct Child {
  struct File file;
  int (*lockf)(int, int, off_t);
  pid_t pid;
  int commands[2], answers[2];
};

enum { kFirst = 0, kSecond = 1 };  // bytes of the file

static int lock_byte(struct Child* child, int byte, int command) {
  CHECK_EQ(lseek(child->file.waits, byte, SEEK_SET), byte);
  return child->lockf(child->file.waits, command, 1);
}

static void obey(struct Child* child) {
  char command;
  close(child->commands[kWriteEnd]);  // so that it ends with the parent
  close(child->answers[kReadEnd]);
  child->file.waits = child->file.holds;
  while (read(child->commands[kReadEnd], &command, 1) == 1) {
    if (command == 'l' && lock_byte(child, kFirst, F_LOCK) != 0) _exit(1);
    if (command == 'u' && lock_byte(child, kFirst, F_ULOCK) != 0) _exit(2);
    if (command == 'w' && lock_byte(child, kSecond, F_LOCK) != 0) _exit(3);
    if (command == 'q') _exit(0);
    if (write(child->answers[kWriteEnd], &command, 1) != 1) _exit(4);
  }
  _exit(5);
}

static void command(struct Child* child, char command) { CHECK_EQ(write(child->commands[kWriteEnd], &command, 1), 1); }

static void await_answer(struct Child* child, char expected) {
  char answer = 0;
  CHECK_EQ(read(child->answers[kReadEnd], &answer, 1), 1);
  CHECK_EQ(answer, expected);
}

static void start_child(struct Child* child) {
  open_file(&child->file);
  open_pipe(child->commands);
  open_pipe(child->answers);
  child->pid = fork();
  CHECK(child->pid >= 0);
  if (child->pid == 0) obey(child);
  command(child, 'l');
  await_answer(child, 'l');
}

static void end_child(struct Child* child) {
  int status;
  command(child, 'q');
  CHECK_EQ(waitpid(child->pid, &status, 0), child->pid);
  CHECK_EQ(status, 0);
  close_both(child->commands);
  close_both(child->answers);
  close_file(&child->file);
}

static void wait_with_lockf(void* argument) {
  struct Child* child = argument;
  CHECK_FAILS(lock_byte(child, kFirst, F_TLOCK), EAGAIN);
  errno = ENOTTY;
  check_waits(lock_byte(child, kFirst, F_LOCK));
  await_answer(child, 'u');
  check_waits(lock_byte(child, kFirst, F_ULOCK));
  command(child, 'l');
  await_answer(child, 'l');
}

static void command_to_unlock(void* argument) {
  struct Child* child = argument;
  await_waiter(child->file.waits);
  command(child, 'u');
}

// Our wait for the child's byte closes a ring: the kernel finds that while it makes us wait.
static void* close_a_ring(void* argument) {
  struct Child* child = argument;
  CHECK_EQ(lock_byte(child, kSecond, F_LOCK), 0);
  command(child, 'w');
  await_waiter(child->file.waits);
  CHECK_FAILS(lock_byte(child, kFirst, F_LOCK), EDEADLK);
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = kFirst, .l_len = 1};
  CHECK_FAILS(fcntl(child->file.waits, F_SETLKW, &lock), EDEADLK);
  CHECK_EQ(lock_byte(child, kSecond, F_ULOCK), 0);
  await_answer(child, 'w');
  return NULL;
}

static void meet_by_lockf(int (*call)(int, int, off_t)) {
  struct Child child = {.lockf = call};
  start_child(&child);
  meet(wait_with_lockf, command_to_unlock, &child);
  join(start(close_a_ring, &child));
  end_child(&child);
  CHECK_FAILS(call(child.file.waits, F_LOCK, 1), EBADF);
}

CASE(lockf) { meet_by_lockf(plain_lockf); }
CASE(lockf64) { meet_by_lockf(large_lockf); }
