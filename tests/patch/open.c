// open and its like: a FIFO waits for its other end, which only another thread opens; all else is as natively.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

enum { kFifos = 5, kTicks = 20 };

// By libc's own names, whatever _FILE_OFFSET_BITS makes of them.
int plain_open(const char*, int, ...) __asm__("open");
int large_open(const char*, int, ...) __asm__("open64");
int plain_openat(int, const char*, int, ...) __asm__("openat");
int large_openat(int, const char*, int, ...) __asm__("openat64");
int plain_creat(const char*, mode_t) __asm__("creat");
int large_creat(const char*, mode_t) __asm__("creat64");
int __open(const char*, int, ...);
int __open64(const char*, int, ...);
int __open_2(const char*, int);
int __open64_2(const char*, int);
int __openat_2(int, const char*, int);
int __openat64_2(int, const char*, int);

static char directory[64], fifo[80], other[80];
static int directory_fd;

static void make_fifo(void) {
  strcpy(directory, "/tmp/evergreen-open-XXXXXX");
  CHECK(mkdtemp(directory));
  snprintf(fifo, sizeof fifo, "%s/fifo", directory);
  snprintf(other, sizeof other, "%s/other", directory);
  CHECK_EQ(mkfifo(fifo, 0600), 0);
  directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
  CHECK(directory_fd >= 0);
}

static void remove_fifo(void) {
  close(directory_fd);
  unlink(fifo);
  unlink(other);
  CHECK_EQ(rmdir(directory), 0);
}

// Each opens the FIFO.
typedef int Opener(int flags);
static int by_open(int flags) { return plain_open(fifo, flags); }
static int by_open64(int flags) { return large_open(fifo, flags); }
static int by___open(int flags) { return __open(fifo, flags); }
static int by___open64(int flags) { return __open64(fifo, flags); }
static int by___open_2(int flags) { return __open_2(fifo, flags); }
static int by___open64_2(int flags) { return __open64_2(fifo, flags); }
static int by_openat(int flags) { return plain_openat(directory_fd, "fifo", flags); }
static int by_openat64(int flags) { return large_openat(directory_fd, "fifo", flags); }
static int by___openat_2(int flags) { return __openat_2(directory_fd, "fifo", flags); }
static int by___openat64_2(int flags) { return __openat64_2(directory_fd, "fifo", flags); }
static int by_link(int flags) { return open(other, flags); }
static int by_creat(int flags) { return (flags & O_WRONLY) != 0 ? plain_creat(fifo, 0600) : open(fifo, flags); }
static int by_creat64(int flags) { return (flags & O_WRONLY) != 0 ? large_creat(fifo, 0600) : open(fifo, flags); }

static int opened(Opener* opener, int flags) {
  errno = ENOTTY;
  int fd = opener(flags);
  CHECK(fd >= 0);
  CHECK_EQ(errno, ENOTTY);  // as it was
  check_blocking(fd);
  return fd;
}

static void write_to_fifo(void* opener) {
  int fd = opened((Opener*)opener, O_WRONLY);
  write_hello((int[]){fd, fd});
  close(fd);
}

static void read_from_fifo(void* opener) {
  int fd = opened((Opener*)opener, O_RDONLY);
  read_hello(&fd);
  close(fd);
}

static void meet_at_fifo(Opener* opener) {
  make_fifo();
  meet(read_from_fifo, write_to_fifo, (void*)opener);
  meet(write_to_fifo, read_from_fifo, (void*)opener);
  remove_fifo();
}

CASE(open) { meet_at_fifo(by_open); }
CASE(open64) { meet_at_fifo(by_open64); }
CASE(__open) { meet_at_fifo(by___open); }
CASE(__open64) { meet_at_fifo(by___open64); }
CASE(__open_2) { meet_at_fifo(by___open_2); }
CASE(__open64_2) { meet_at_fifo(by___open64_2); }
CASE(openat) { meet_at_fifo(by_openat); }
CASE(openat64) { meet_at_fifo(by_openat64); }
CASE(__openat_2) { meet_at_fifo(by___openat_2); }
CASE(__openat64_2) { meet_at_fifo(by___openat64_2); }
CASE(creat) { meet_at_fifo(by_creat); }
CASE(creat64) { meet_at_fifo(by_creat64); }

CASE(a_link_to_a_fifo) {
  make_fifo();
  CHECK_EQ(symlink("fifo", other), 0);
  meet(read_from_fifo, write_to_fifo, (void*)by_link);
  CHECK_FAILS(open(other, O_RDONLY | O_NOFOLLOW), ELOOP);
  remove_fifo();
}

// Many threads are inside, and the others still run.
static void* open_own_fifo(void* name) {
  entering();
  int fd = open(name, O_RDONLY);
  CHECK(fd >= 0);
  read_hello(&fd);
  close(fd);
  return NULL;
}

static void* tick(void* ticks) {
  for (int i = 0; i < kTicks; i++, ++*(int*)ticks) usleep(1000);
  return NULL;
}

CASE(many_fifos_at_once) {
  pthread_t threads[kFifos];
  char names[kFifos][100];
  int ticks = 0;
  make_fifo();
  for (int i = 0; i < kFifos; i++) {
    snprintf(names[i], sizeof names[i], "%s%d", fifo, i);
    CHECK_EQ(mkfifo(names[i], 0600), 0);
    threads[i] = start(open_own_fifo, names[i]);
  }
  await_entered(kFifos);
  join(start(tick, &ticks));
  CHECK_EQ(ticks, kTicks);
  for (int i = kFifos; i-- > 0;) {
    int fd = open(names[i], O_WRONLY);
    CHECK(fd >= 0);
    write_hello((int[]){fd, fd});
    close(fd);
    unlink(names[i]);
  }
  join_all(threads, kFifos);
  remove_fifo();
}

// What never waits, from a thread and from main.
static void in_threads(void* (*run)(void*)) {
  make_fifo();
  join(start(run, NULL));
  run(NULL);
  remove_fifo();
}

static void* open_without_waiting(void* unused) {
  (void)unused;
  CHECK_FAILS(open(fifo, O_WRONLY | O_NONBLOCK), ENXIO);
  int reader = open(fifo, O_RDONLY | O_NONBLOCK);
  CHECK(reader >= 0);
  CHECK_EQ(fcntl(reader, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  close(reader);
  int path = open(fifo, O_PATH | O_WRONLY), both = open(fifo, O_RDWR);
  CHECK(path >= 0);
  CHECK(both >= 0);
  int writer = open(fifo, O_WRONLY);  // `both` reads
  CHECK(writer >= 0);
  close(writer);
  close(both);
  close(path);
  return NULL;
}

CASE(fifos_that_need_no_wait) { in_threads(open_without_waiting); }

static void* open_wrongly(void* unused) {
  (void)unused;
  CHECK_FAILS(open(other, O_RDONLY), ENOENT);
  CHECK_FAILS(open("", O_RDONLY), ENOENT);
  CHECK_FAILS(open(fifo, O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
  CHECK_FAILS(open(fifo, O_RDONLY | O_DIRECTORY), ENOTDIR);
  CHECK_FAILS(open(directory, O_WRONLY), EISDIR);
  CHECK_FAILS(openat(-1, "fifo", O_RDONLY), EBADF);
  CHECK_FAILS(plain_open(NULL, O_RDONLY), EFAULT);
  CHECK_FAILS(plain_openat(directory_fd, NULL, O_RDONLY), EFAULT);
  return NULL;
}

CASE(errors) { in_threads(open_wrongly); }

static void check_mode_and_close(int fd, mode_t mode) {
  struct stat status;
  CHECK(fd >= 0);
  CHECK_EQ(errno, ENOTTY);
  CHECK_EQ(fstat(fd, &status), 0);
  CHECK_EQ(status.st_mode, S_IFREG | mode);
  close(fd);
  unlink(other);
}

static void* make_files(void* unused) {
  (void)unused;
  const mode_t mask = umask(0);
  errno = ENOTTY;
  check_mode_and_close(plain_open(other, O_WRONLY | O_CREAT, 0641), 0641);
  check_mode_and_close(large_open(other, O_WRONLY | O_CREAT | O_EXCL, 0642), 0642);
  check_mode_and_close(__open(other, O_WRONLY | O_CREAT, 0643), 0643);
  check_mode_and_close(__open64(other, O_WRONLY | O_CREAT, 0644), 0644);
  check_mode_and_close(plain_openat(directory_fd, "other", O_WRONLY | O_CREAT, 0645), 0645);
  check_mode_and_close(large_openat(directory_fd, "other", O_WRONLY | O_CREAT, 0646), 0646);
  check_mode_and_close(plain_creat(other, 0647), 0647);
  check_mode_and_close(large_creat(other, 0651), 0651);
  check_mode_and_close(open(directory, O_RDWR | O_TMPFILE, 0652), 0652);
  umask(mask);
  return NULL;
}

CASE(modes) { in_threads(make_files); }

static void* open_devices(void* unused) {
  (void)unused;
  for (int i = 0; i < 100; i++) {
    char bytes[8] = "not zero";
    int fd = opened(by_link, O_RDONLY);
    CHECK_EQ(read(fd, bytes, sizeof bytes), sizeof bytes);
    CHECK_EQ(bytes[7], 0);
    close(fd);
  }
  int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  CHECK(terminal >= 0);
  CHECK_EQ(unlockpt(terminal), 0);
  int ends[2] = {open(ptsname(terminal), O_RDWR | O_NOCTTY), terminal};
  CHECK(ends[0] >= 0);
  close_both(ends);
  return NULL;
}

CASE(devices) {
  make_fifo();
  CHECK_EQ(symlink("/dev/zero", other), 0);
  join(start(open_devices, NULL));
  open_devices(NULL);
  remove_fifo();
}
