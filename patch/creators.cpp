// Calls that make a descriptor. Where a library closed one behind our back, by a raw system call, its number comes back
// here with another open file: the first moment at which it shows that what we hold of the number is void.

#include <fcntl.h>

#include "patch/fd_traits.h"
#include "patch/offload.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

int made(int fd) noexcept {
  note_new(fd);
  return fd;
}

int made_two(int result, const int* fds) noexcept {
  if (result != 0) return result;
  note_new(fds[0]);
  note_new(fds[1]);
  return result;
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

SHIM int socket(int domain, int type, int protocol) noexcept {
  const Maker maker;
  const int fd = real.socket(domain, type, protocol);
  maker.note_made(fd);
  return fd;
}

SHIM int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  const Maker maker;
  const int result = real.socketpair(domain, type, protocol, ends);
  if (result != 0) return result;
  maker.note_made(ends[0]);
  maker.note_made(ends[1]);
  return result;
}

SHIM int pipe(int* ends) noexcept { return made_two(real.pipe(ends), ends); }

SHIM int __pipe(int* ends) noexcept { return pipe(ends); }

SHIM int pipe2(int* ends, int flags) noexcept { return made_two(real.pipe2(ends, flags), ends); }

SHIM int epoll_create(int size) noexcept { return made(real.epoll_create(size)); }

SHIM int signalfd(int fd, const sigset_t* mask, int flags) noexcept {
  const int result = real.signalfd(fd, mask, flags);
  return fd == -1 ? made(result) : result;  // or another mask for one that there is
}

SHIM int inotify_init() noexcept { return made(real.inotify_init()); }

SHIM int inotify_init1(int flags) noexcept { return made(real.inotify_init1(flags)); }

SHIM int fanotify_init(unsigned flags, unsigned event_flags) noexcept {
  return made(real.fanotify_init(flags, event_flags));
}

SHIM int memfd_create(const char* name, unsigned flags) noexcept { return made(real.memfd_create(name, flags)); }

SHIM int pidfd_open(pid_t process, unsigned flags) noexcept { return made(real.pidfd_open(process, flags)); }

// Another process has the open file, too; or we, under another number.
SHIM int pidfd_getfd(int process, int fd, unsigned flags) noexcept {
  const int result = made(real.pidfd_getfd(process, fd, flags));
  if (result < 0) return result;
  note_shared();
  note_duplicate(result);
  return result;
}

// Variadic in C; on x86-64 the mode and the attributes are passed like named arguments. Where the program gave none
// they are whatever the registers hold, and libc does not read them.
SHIM mqd_t evergreen_mq_open(const char* name, int flags, mode_t mode, mq_attr* attributes) asm("mq_open");
SHIM mqd_t evergreen_mq_open(const char* name, int flags, mode_t mode, mq_attr* attributes) {
  return made(real.mq_open(name, flags, mode, attributes));
}

SHIM mqd_t __mq_open_2(const char* name, int flags) noexcept { return made(real.__mq_open_2(name, flags)); }

// The next ones are opened inside libc, where we don't see it.

SHIM FILE* popen(const char* command, const char* mode) {
  static constinit evergreen::core::CallSite site;  // it comes back when the child has begun its program
  note_shared();
  FILE* stream = offloaded(site, [=] { return real.popen(command, mode); });
  if (stream != nullptr) note_new(fileno(stream));
  return stream;
}

SHIM int posix_openpt(int flags) { return made(real.posix_openpt(flags)); }

SHIM int getpt() { return made(real.getpt()); }

SHIM int openpty(int* terminal, int* line, char* name, const termios* settings, const winsize* size) noexcept {
  const int result = real.openpty(terminal, line, name, settings, size);
  if (result == 0) {
    note_new(*terminal);
    note_new(*line);
  }
  return result;
}
