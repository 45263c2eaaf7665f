// Reading and writing at a place of the caller's. Only files have places, so nothing tells when they are ready: where
// the disk, a FUSE or a network file system was slow lately, another kernel thread goes on with the others.

#include <sys/uio.h>

#include "patch/offload.h"

using namespace evergreen::patch;

// All wait for the disk. Cancellation points.

SHIM ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  return slowly(__builtin_return_address(0), real.pread, fd, buffer, size, offset);
}

SHIM ssize_t pread64(int fd, void* buffer, size_t size, off64_t offset) {
  return slowly(__builtin_return_address(0), real.pread64, fd, buffer, size, offset);
}

SHIM ssize_t __pread64(int fd, void* buffer, size_t size, off64_t offset) {
  return slowly(__builtin_return_address(0), real.__pread64, fd, buffer, size, offset);
}

SHIM ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t offset, size_t buffer_size) {
  if (size > buffer_size) __chk_fail();
  return slowly(__builtin_return_address(0), real.pread, fd, buffer, size, offset);
}

SHIM ssize_t __pread64_chk(int fd, void* buffer, size_t size, off64_t offset, size_t buffer_size) {
  if (size > buffer_size) __chk_fail();
  return slowly(__builtin_return_address(0), real.pread64, fd, buffer, size, offset);
}

SHIM ssize_t preadv(int fd, const iovec* list, int count, off_t offset) {
  return slowly(__builtin_return_address(0), real.preadv, fd, list, count, offset);
}

SHIM ssize_t preadv64(int fd, const iovec* list, int count, off64_t offset) {
  return slowly(__builtin_return_address(0), real.preadv64, fd, list, count, offset);
}

SHIM ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  return slowly(__builtin_return_address(0), real.pwrite, fd, buffer, size, offset);
}

SHIM ssize_t pwrite64(int fd, const void* buffer, size_t size, off64_t offset) {
  return slowly(__builtin_return_address(0), real.pwrite64, fd, buffer, size, offset);
}

SHIM ssize_t __pwrite64(int fd, const void* buffer, size_t size, off64_t offset) {
  return slowly(__builtin_return_address(0), real.__pwrite64, fd, buffer, size, offset);
}

SHIM ssize_t pwritev(int fd, const iovec* list, int count, off_t offset) {
  return slowly(__builtin_return_address(0), real.pwritev, fd, list, count, offset);
}

SHIM ssize_t pwritev64(int fd, const iovec* list, int count, off64_t offset) {
  return slowly(__builtin_return_address(0), real.pwritev64, fd, list, count, offset);
}

SHIM ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size, unsigned flags) {
  return slowly(__builtin_return_address(0), real.copy_file_range, from, from_offset, to, to_offset, size, flags);
}
