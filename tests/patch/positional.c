// pread and its like: at a place in a file, or where the descriptor stands; and what is no file.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "tests/support/case.h"
#include "tests/support/sockets.h"

ssize_t plain_preadv2(int, const struct iovec*, int, off_t, int) __asm__("preadv2");
ssize_t large_preadv2(int, const struct iovec*, int, off_t, int) __asm__("preadv64v2");
ssize_t plain_pwritev2(int, const struct iovec*, int, off_t, int) __asm__("pwritev2");
ssize_t large_pwritev2(int, const struct iovec*, int, off_t, int) __asm__("pwritev64v2");

typedef ssize_t Vector(int, const struct iovec*, int, off_t, int);
static Vector* reader;
static Vector* writer;
static int flags;

static void in_threads(void* (*run)(void*)) {
  join(start(run, NULL));
  run(NULL);
}

static int new_file(void) {
  int fd = memfd_create("evergreen", 0);
  CHECK(fd >= 0);
  return fd;
}

static void* use_places(void* unused) {
  char text[16] = "";
  struct iovec parts[] = {{text, 2}, {NULL, 0}, {text + 2, 10}};
  int fd = new_file();
  errno = ENOTTY;
  CHECK_EQ(pwrite(fd, "hello world", 11, 100), 11);
  CHECK_EQ(pread(fd, text, sizeof text, 106), 5);
  CHECK_TEXT(text, "world");
  CHECK_EQ(pread(fd, text, sizeof text, 111), 0);
  CHECK_EQ(preadv(fd, parts, 3, 100), 11);
  CHECK_EQ(memcmp(text, "hello world", 11), 0);
  CHECK_EQ(pwritev(fd, parts, 3, 200), 12);
  for (int way = 0; way < 2; way++) {
    Vector* const in = way == 0 ? plain_preadv2 : large_preadv2;
    Vector* const out = way == 0 ? plain_pwritev2 : large_pwritev2;
    memset(text, 0, sizeof text);
    CHECK_EQ(in(fd, parts, 3, 102, 0), 12);
    CHECK_EQ(memcmp(text, "llo world", 10), 0);
    CHECK_EQ(out(fd, parts, 3, 0, RWF_SYNC), 12);
    CHECK_EQ(out(fd, parts, 1, 0, RWF_APPEND), 2);
  }
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);  // none of them moves it
  CHECK_EQ(lseek(fd, 0, SEEK_END), 216);
  CHECK_EQ(plain_pwritev2(fd, parts, 1, -1, 0), 2);  // but this
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 218);
  CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
  CHECK_EQ(plain_preadv2(fd, parts, 1, -1, 0), 2);
  CHECK_EQ(memcmp(text, "he", 2), 0);
  CHECK_EQ(lseek(fd, 0, SEEK_CUR), 102);
  CHECK_EQ(errno, ENOTTY);
  close(fd);
  return unused;
}

CASE(places_in_files) { in_threads(use_places); }

static void* use_wrongly(void* unused) {
  char text[16];
  struct iovec part = {text, sizeof text}, bad = {(void*)1, 5};
  int ends[2], pair[2];
  int fd = new_file();
  void* volatile nowhere = (void*)1;
  CHECK_EQ(pwrite(fd, "hello", 5, 0), 5);
  CHECK_FAILS(pread(fd, text, 5, -1), EINVAL);
  CHECK_FAILS(pwrite(fd, text, 5, -1), EINVAL);
  CHECK_FAILS(preadv(fd, &part, 1, -1), EINVAL);
  CHECK_FAILS(pwritev(fd, &part, 1, -1), EINVAL);
  CHECK_FAILS(pread(fd, nowhere, 5, 0), EFAULT);
  CHECK_FAILS(preadv(fd, &bad, 1, 0), EFAULT);
  CHECK_FAILS(preadv(fd, nowhere, 1, 0), EFAULT);
  CHECK_FAILS(plain_preadv2(fd, &part, 1, -2, 0), EINVAL);
  CHECK_FAILS(plain_preadv2(fd, &part, 1025, -1, 0), EINVAL);
  CHECK_FAILS(plain_preadv2(fd, &part, -1, -1, 0), EINVAL);
  CHECK_FAILS(pread(-1, text, 5, 0), EBADF);
  open_pipe(ends);
  open_pair(SOCK_STREAM, pair);
  for (int i = 0; i < 2; i++) {
    int* both = i == 0 ? ends : pair;
    CHECK_FAILS(pread(both[kReadEnd], text, 5, 0), ESPIPE);
    CHECK_FAILS(pwrite(both[kWriteEnd], text, 5, 0), ESPIPE);
    CHECK_FAILS(preadv(both[kReadEnd], &part, 1, 0), ESPIPE);
    CHECK_FAILS(plain_preadv2(both[kReadEnd], &part, 1, 0, 0), ESPIPE);
    CHECK_FAILS(plain_preadv2(both[kReadEnd], &part, 1, -1, 1 << 30), EOPNOTSUPP);
    CHECK_FAILS(plain_pwritev2(both[kWriteEnd], &part, 1, -1, 1 << 30), EOPNOTSUPP);
    CHECK_FAILS(plain_preadv2(both[kReadEnd], &part, 1, -1, RWF_NOWAIT), EAGAIN);
    CHECK_FAILS(plain_preadv2(both[kReadEnd], nowhere, 1, -1, 0), EFAULT);
    CHECK_EQ(plain_preadv2(both[kReadEnd], &part, 0, -1, 0), 0);
    fill(both[kWriteEnd]);
    CHECK_FAILS(plain_pwritev2(both[kWriteEnd], &part, 1, -1, RWF_NOWAIT), EAGAIN);
    set_nonblocking(both[kWriteEnd], 1);
    CHECK_FAILS(plain_pwritev2(both[kWriteEnd], &part, 1, -1, 0), EAGAIN);
    close_both(both);
  }
  close(fd);
  return unused;
}

CASE(errors) { in_threads(use_wrongly); }

static void read_vector(void* ends) {
  char text[16] = "";
  struct iovec parts[] = {{text, 2}, {NULL, 0}, {text + 2, 10}};
  errno = ENOTTY;
  CHECK_EQ(reader(((int*)ends)[kReadEnd], parts, 3, -1, flags), 5);
  CHECK_EQ(errno, ENOTTY);
  CHECK_TEXT(text, "hello");
}

static void write_vector(void* ends) {
  struct iovec parts[] = {{large, 1}, {large + 1, 99999}, {NULL, 0}, {large + 100000, kLarge - 100000}};
  CHECK_EQ(writer(((int*)ends)[kWriteEnd], parts, 4, -1, flags), kLarge);
}

static void wait_with(Vector* in, Vector* out) {
  reader = in;
  writer = out;
  for (int kind = 0; kind < 6; kind++) {
    int ends[2];
    flags = kind % 2 == 0 ? 0 : RWF_HIPRI;
    if (kind / 2 == 0) open_pipe(ends);
    if (kind / 2 == 1) open_pair(SOCK_STREAM, ends);
    if (kind / 2 == 2) {
      int small = 65536;  // so that the megabyte does not fit
      open_tcp_pair(ends);
      CHECK_EQ(setsockopt(ends[kWriteEnd], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
      CHECK_EQ(setsockopt(ends[kReadEnd], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    }
    if (in != NULL) meet(read_vector, write_hello, ends);
    if (out != NULL) meet(write_vector, drain_large, ends);
    close_both(ends);
  }
}

CASE(preadv2) { wait_with(plain_preadv2, NULL); }
CASE(preadv64v2) { wait_with(large_preadv2, NULL); }
CASE(pwritev2) { wait_with(NULL, plain_pwritev2); }
CASE(pwritev64v2) { wait_with(NULL, large_pwritev2); }
