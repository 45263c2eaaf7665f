// Cancellation points of descriptors and files, POSIX.1-2017 XSH 2.9.5.2.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tests/posix/holds.h"
#include "tests/support/points.h"
#include "tests/support/sockets.h"

static int ends[2];
static char buffer[100];

static void check_done(ssize_t result) { CHECK(result >= 0); }

// A pipe with nothing in it.
static void open_ends(void) { open_pipe(ends); }

static void close_ends(void) { close_both(ends); }

static void put_byte(void) { CHECK_EQ(write(ends[1], "x", 1), 1); }

// The byte that the pending call could have had, or one that comes later, is there for the next.
static bool is_byte_there(void) {
  set_nonblocking(ends[0], 1);
  if (read(ends[0], buffer, 1) == 1) return buffer[0] == 'x';
  set_nonblocking(ends[0], 0);
  put_byte();
  return read(ends[0], buffer, 2) == 1 && buffer[0] == 'x';
}

#define INPUT \
  .end = put_byte, .at_once = put_byte, .prepare = open_ends, .clean = close_ends, .is_unharmed = is_byte_there

static struct iovec piece = {buffer, 1};

static void make_read(void) { CHECK_EQ(read(ends[0], buffer, 1), 1); }
static void make_readv(void) { CHECK_EQ(readv(ends[0], &piece, 1), 1); }
static void make_preadv2(void) { CHECK_EQ(preadv2(ends[0], &piece, 1, -1, 0), 1); }
static void make_splice(void) { CHECK_EQ(splice(ends[0], NULL, ends[0], NULL, 1, 0), -1); }

POINT(read, .make = make_read, INPUT)
POINT(readv, .make = make_readv, INPUT)
POINT(preadv2, .make = make_preadv2, INPUT)

// A pipe that is full.
static size_t held;

static void open_full(void) {
  open_pipe(ends);
  held = fill(ends[1]);
}

static void drain_page(void) { drain(ends[0], 4096); }

// Nothing was added: it holds what it did.
static bool holds_no_more(void) {
  size_t got = 0;
  set_nonblocking(ends[0], 1);
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) got += (size_t)n;
  return got == held;
}

#define OUTPUT .end = drain_page, .prepare = open_full, .clean = close_ends, .is_unharmed = holds_no_more

static void make_write(void) { CHECK_EQ(write(ends[1], buffer, 1), 1); }
static void make_writev(void) { CHECK_EQ(writev(ends[1], &piece, 1), 1); }
static void make_pwritev2(void) { CHECK_EQ(pwritev2(ends[1], &piece, 1, -1, 0), 1); }
static void make_vmsplice(void) { CHECK_EQ(vmsplice(ends[1], &piece, 1, 0), 1); }

POINT(write, .make = make_write, OUTPUT)
POINT(writev, .make = make_writev, OUTPUT)
POINT(pwritev2, .make = make_pwritev2, OUTPUT)
POINT(vmsplice, .make = make_vmsplice, OUTPUT)

static void splice_nothing(void) {
  make_splice();
  errno = 0;
}

POINT(splice, .make = splice_nothing, .prepare = open_ends, .clean = close_ends)

// A FIFO with nobody at its other end.
static char fifo[100];

static void make_fifo(void) {
  snprintf(fifo, sizeof fifo, "/tmp/evergreen_fifo_%d", getpid());
  CHECK_EQ(mkfifo(fifo, 0600), 0);
}

static void remove_fifo(void) { CHECK_EQ(unlink(fifo), 0); }

static void close_checked(int fd) {
  int before;
  CHECK(fd >= 0);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  CHECK_EQ(close(fd), 0);
  pthread_setcancelstate(before, NULL);
}

static void make_open(void) { close_checked(open(fifo, O_RDONLY)); }
static void make_openat(void) { close_checked(openat(AT_FDCWD, fifo, O_RDONLY)); }
static void make_creat(void) { close_checked(creat(fifo, 0600)); }
static void open_to_write(void) { close_checked(open(fifo, O_WRONLY)); }
static void open_to_read(void) { close_checked(open(fifo, O_RDONLY)); }

POINT(open, .make = make_open, .end = open_to_write, .prepare = make_fifo, .clean = remove_fifo)
POINT(openat, .make = make_openat, .end = open_to_write, .prepare = make_fifo, .clean = remove_fifo)
POINT(creat, .make = make_creat, .end = open_to_read, .prepare = make_fifo, .clean = remove_fifo)

// A file on whose first byte another open file description has a lock.
static char path[100];
static int file, other;

static void open_file(void) {
  snprintf(path, sizeof path, "/tmp/evergreen_file_%d", getpid());
  CHECK((file = open(path, O_RDWR | O_CREAT, 0600)) >= 0);
  CHECK((other = open(path, O_RDWR)) >= 0);
}

static void close_file(void) {
  close(file);
  close(other);
  CHECK_EQ(unlink(path), 0);
}

static int set_lock(int fd, int command, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
  return fcntl(fd, command, &lock);
}

static void open_locked(void) {
  open_file();
  CHECK_EQ(set_lock(other, F_OFD_SETLK, F_WRLCK), 0);
}

static void unlock(void) { CHECK_EQ(set_lock(other, F_OFD_SETLK, F_UNLCK), 0); }

static bool is_free_when_unlocked(void) {
  unlock();
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  return fcntl(other, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

#define LOCK .end = unlock, .prepare = open_locked, .clean = close_file, .is_unharmed = is_free_when_unlocked

static void make_setlkw(void) { CHECK_EQ(set_lock(file, F_SETLKW, F_WRLCK), 0); }
static void make_lockf(void) { CHECK_EQ(lockf(file, F_LOCK, 1), 0); }

POINT(fcntl, .make = make_setlkw, LOCK)
POINT(lockf, .make = make_lockf, LOCK)

#define FILE_CALL .prepare = open_file, .clean = close_file

static void make_pread(void) { check_done(pread(file, buffer, 1, 0)); }
static void make_preadv(void) { check_done(preadv(file, &piece, 1, 0)); }
static void make_pwrite(void) { CHECK_EQ(pwrite(file, buffer, 1, 0), 1); }
static void make_pwritev(void) { CHECK_EQ(pwritev(file, &piece, 1, 0), 1); }
static void make_fsync(void) { CHECK_EQ(fsync(file), 0); }
static void make_fdatasync(void) { CHECK_EQ(fdatasync(file), 0); }
static void make_copy_file_range(void) { check_done(copy_file_range(file, NULL, other, NULL, 1, 0)); }
static void make_sync_file_range(void) { CHECK_EQ(sync_file_range(file, 0, 0, 0), 0); }

static bool is_empty(void) {
  struct stat status;
  return fstat(file, &status) == 0 && status.st_size == 0;
}

POINT(pread, .make = make_pread, FILE_CALL)
POINT(preadv, .make = make_preadv, FILE_CALL)
POINT(pwrite, .make = make_pwrite, FILE_CALL, .is_unharmed = is_empty)
POINT(pwritev, .make = make_pwritev, FILE_CALL, .is_unharmed = is_empty)
POINT(fsync, .make = make_fsync, FILE_CALL)
POINT(fdatasync, .make = make_fdatasync, FILE_CALL)
POINT(copy_file_range, .make = make_copy_file_range, FILE_CALL)
POINT(sync_file_range, .make = make_sync_file_range, FILE_CALL)

static void make_msync(void) { CHECK_EQ(msync((void*)((size_t)buffer & ~4095UL), 4096, MS_SYNC), 0); }

POINT(msync, .make = make_msync)

static int closed;

static void open_one(void) { CHECK((closed = open("/dev/null", O_RDONLY)) >= 0); }
static void close_again(void) { close(closed); }
static void make_close(void) { CHECK_EQ(close(closed), 0); }
static bool is_open(void) { return fcntl(closed, F_GETFD) >= 0; }

// glibc acts before the call.
POINT(close, .make = make_close, .prepare = open_one, .clean = close_again, .is_unharmed = is_open)
