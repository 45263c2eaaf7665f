// open: what blocks in it is a FIFO with nobody at its other end, or a device. A regular file does not, so the path is
// looked at first.

#include "patch/open.h"

#include "patch/fd_traits.h"

namespace evergreen::patch {

bool open_may_wait(int flags) noexcept {
  constexpr int new_file = O_CREAT | O_EXCL;
  return (flags & (O_NONBLOCK | O_PATH | O_DIRECTORY)) == 0 && (flags & new_file) != new_file;
}

mode_t kind_to_open(int directory, const char* path, int flags) noexcept {
  const int saved = errno;
  struct stat status {};
  const int result = fstatat(directory, path, &status, (flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0);
  errno = saved;
  return result == 0 ? status.st_mode & S_IFMT : 0;
}

namespace {

template <class Open>
int open_any(int directory, const char* path, int flags, Open open) {
  const int fd = open_or_offload(directory, path, flags, open);
  note_new(fd);
  return fd;
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Variadic in C; on x86-64 the mode is passed like a named argument. Where the program gave none it is whatever the
// register holds, and libc does not read it.
//
// Waits for the other end of a FIFO, or a device. Cancellation point. A signal ends it, or it restarts.
SHIM int evergreen_open(const char* path, int flags, mode_t mode) asm("open");
SHIM int evergreen_open(const char* path, int flags, mode_t mode) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.open(path, flags, mode); });
}

SHIM int evergreen_open64(const char* path, int flags, mode_t mode) asm("open64");
SHIM int evergreen_open64(const char* path, int flags, mode_t mode) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.open64(path, flags, mode); });
}

SHIM int evergreen___open(const char* path, int flags, mode_t mode) asm("__open");
SHIM int evergreen___open(const char* path, int flags, mode_t mode) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.__open(path, flags, mode); });
}

SHIM int evergreen___open64(const char* path, int flags, mode_t mode) asm("__open64");
SHIM int evergreen___open64(const char* path, int flags, mode_t mode) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.__open64(path, flags, mode); });
}

SHIM int __open_2(const char* path, int flags) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.__open_2(path, flags); });
}

SHIM int __open64_2(const char* path, int flags) {
  return open_any(AT_FDCWD, path, flags, [=] { return real.__open64_2(path, flags); });
}

SHIM int evergreen_openat(int directory, const char* path, int flags, mode_t mode) asm("openat");
SHIM int evergreen_openat(int directory, const char* path, int flags, mode_t mode) {
  return open_any(directory, path, flags, [=] { return real.openat(directory, path, flags, mode); });
}

SHIM int evergreen_openat64(int directory, const char* path, int flags, mode_t mode) asm("openat64");
SHIM int evergreen_openat64(int directory, const char* path, int flags, mode_t mode) {
  return open_any(directory, path, flags, [=] { return real.openat64(directory, path, flags, mode); });
}

SHIM int __openat_2(int directory, const char* path, int flags) {
  return open_any(directory, path, flags, [=] { return real.__openat_2(directory, path, flags); });
}

SHIM int __openat64_2(int directory, const char* path, int flags) {
  return open_any(directory, path, flags, [=] { return real.__openat64_2(directory, path, flags); });
}

SHIM int creat(const char* path, mode_t mode) {
  return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, [=] { return real.creat(path, mode); });
}

SHIM int creat64(const char* path, mode_t mode) {
  return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, [=] { return real.creat64(path, mode); });
}
