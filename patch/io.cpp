// read and write, on whatever the descriptor is, where it stands. At a place of the caller's: positional.cpp.

#include <limits.h>
#include <sys/stat.h>

#include <algorithm>

#include "patch/blocking.h"
#include "patch/broken_pipe.h"
#include "patch/offload.h"
#include "patch/uncancelled.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

bool may_wait(FdKind kind) noexcept { return kind != FdKind::never_waits && kind != FdKind::unknown; }

// A blocking read of what is no socket. attempt() tries with RWF_NOWAIT, blocking() is the plain call.
template <class Attempt, class Blocking>
ssize_t read_file(int fd, FdKind kind, const char* why, Attempt attempt, Blocking blocking) {
  const KeepErrno keep;
  for (;;) {
    if (kind == FdKind::nowait) {
      const ssize_t got = attempt();
      if (got >= 0) return keep(got);
      if (errno == EOPNOTSUPP) {
        set_poll_first(fd);
        kind = FdKind::poll_first;
        continue;
      }
      if (errno != EAGAIN || is_nonblocking(fd)) return -1;
    } else if (!may_wait(kind) || is_ready(fd, Direction::read) || is_nonblocking(fd)) {
      return keep(blocking());
    }
    if (const int error = wait_ready(fd, Direction::read, why, Deadline::never())) return fail(error);
  }
}

// The same for writing all of size() bytes; attempt(done) writes what is left after `done`. Whether RWF_NOWAIT works
// shows at the first attempt, so blocking() never has to finish what an attempt began.
//
// A FIFO that was opened by its name takes no RWF_NOWAIT. Once it is writable it has room for PIPE_BUF bytes, no more:
// piece(done) writes so many, as any longer write may be torn apart anyway.
template <class Size, class Attempt, class Piece, class Blocking>
ssize_t write_file(int fd, FdKind kind, Size size, const char* why, Attempt attempt, Piece piece, Blocking blocking) {
  const KeepErrno keep;
  std::size_t done = 0;
  const auto end = [&](int error) { return done != 0 ? keep(static_cast<ssize_t>(done)) : fail<ssize_t>(error); };
  for (;;) {
    if (done != 0 && has_cancel_pending()) return keep(static_cast<ssize_t>(done));
    const bool tries = kind == FdKind::nowait;
    const bool ready = tries || !may_wait(kind) || is_ready(fd, Direction::write);
    if (!tries && done == 0) {  // once the first piece is written the call stays with pieces
      const bool in_pieces = ready && may_wait(kind) && size() > PIPE_BUF && S_ISFIFO(type_of_file(fd));
      if ((ready && !in_pieces) || is_nonblocking(fd)) return keep(blocking());
    }
    if (ready) {
      const ssize_t put = tries ? attempt(done) : piece(done);
      if (put >= 0) {
        done += static_cast<std::size_t>(put);
        if (put == 0 || done >= size() || (tries && is_nonblocking(fd))) return keep(static_cast<ssize_t>(done));
        continue;
      }
      if (errno == EOPNOTSUPP && tries) {
        set_poll_first(fd);
        kind = FdKind::poll_first;
        continue;
      }
      if (errno != EAGAIN || is_nonblocking(fd)) return end(errno);
    }
    if (const int error = wait_ready(fd, Direction::write, why, Deadline::never(), done != 0)) return end(error);
  }
}

// The record said socket, and it is none: closed behind our back, and the number used again.
bool was_no_socket(int fd, ssize_t result) noexcept {
  if (result >= 0 || errno != ENOTSOCK) return false;
  note_changed(fd);
  return true;
}

ssize_t read_any(int fd, void* buffer, size_t size, const void* caller) {
  if (size == 0 || is_beyond_memory(buffer, size)) return real.read(fd, buffer, size);  // recv would wait
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket()) {
    const iovec all{buffer, size};
    return read_file(
        fd, traits.kind, "read", [&] { return real.preadv2(fd, &all, 1, -1, RWF_NOWAIT); },
        [&] { return slowly(caller, real.read, fd, buffer, size); });
  }
  const ssize_t got = receive(
      fd, traits, [&] { return size; }, 0, "read",
      [&](std::size_t done, int flags) {
        return real.recv(fd, static_cast<char*>(buffer) + done, size - done, flags);
      });
  return was_no_socket(fd, got) ? real.read(fd, buffer, size) : got;
}

ssize_t write_any(int fd, const void* buffer, size_t size, const void* caller) {
  const BrokenPipe scope;
  if (is_beyond_memory(buffer, size)) return real.write(fd, buffer, size);
  size = std::min<std::size_t>(size, 0x7ffff000);  // as much as the kernel takes at once
  const FdTraits traits = traits_of(fd);
  const auto from = [&](std::size_t done) { return static_cast<const char*>(buffer) + done; };
  if (!traits.is_socket()) {
    return write_file(
        fd, traits.kind, [&] { return size; }, "write",
        [&](std::size_t done) {
          const iovec rest{const_cast<char*>(from(done)), size - done};
          return real.pwritev2(fd, &rest, 1, -1, RWF_NOWAIT);
        },
        [&](std::size_t done) { return real.write(fd, from(done), std::min<std::size_t>(size - done, PIPE_BUF)); },
        [&] { return slowly(caller, real.write, fd, buffer, size); });
  }
  const ssize_t put = transmit(
      fd, traits, [&] { return size; }, "write",
      [&](std::size_t done, int flags) {
        if (flags != 0 && traits.kind == FdKind::messages) {  // write ends a record (MSG_EOR), send does not
          const iovec all{const_cast<void*>(buffer), size};
          return real.pwritev2(fd, &all, 1, -1, RWF_NOWAIT);
        }
        return flags == 0 ? real.write(fd, buffer, size) : real.send(fd, from(done), size - done, flags);
      });
  return was_no_socket(fd, put) ? real.write(fd, buffer, size) : put;
}

// `flags` are preadv2's; and pwritev2's below.
ssize_t readv_any(int fd, const iovec* list, int count, int flags, const void* caller) {
  const FdTraits traits = traits_of(fd);
  const auto attempt = [&] { return real.preadv2(fd, list, count, -1, flags | RWF_NOWAIT); };
  if (!traits.is_socket()) {
    return read_file(fd, traits.kind, "readv", attempt, [&] {
      return flags == 0 ? slowly(caller, real.readv, fd, list, count)
                        : slowly(caller, real.preadv2, fd, list, count, -1, flags);
    });
  }
  // By preadv2 here too: unlike recvmsg it returns at once when the list has no room, as readv does.
  return receive(
      fd, traits, [&] { return total_size(list, static_cast<std::size_t>(count)); }, 0, "readv",
      [&](std::size_t done, int more) {
        if (more == 0) return real.preadv2(fd, list, count, -1, flags);
        if (done == 0) return attempt();
        const RestOf rest(list, static_cast<std::size_t>(count), done);  // SO_RCVLOWAT
        return real.preadv2(fd, rest.list(), static_cast<int>(rest.count()), -1, flags | RWF_NOWAIT);
      });
}

ssize_t writev_any(int fd, const iovec* list, int count, int flags, const void* caller) {
  const BrokenPipe scope;
  const FdTraits traits = traits_of(fd);
  const auto length = static_cast<std::size_t>(count);
  const auto size = [&] { return total_size(list, length); };
  if (!traits.is_socket()) {
    return write_file(
        fd, traits.kind, size, "writev",
        [&](std::size_t done) {
          if (done == 0) return real.pwritev2(fd, list, count, -1, flags | RWF_NOWAIT);
          const RestOf rest(list, length, done);
          return real.pwritev2(fd, rest.list(), static_cast<int>(rest.count()), -1, flags | RWF_NOWAIT);
        },
        [&](std::size_t done) {
          const RestOf rest(list, length, done);
          const iovec first = rest.count() == 0 ? iovec{} : rest.list()[0];
          return real.write(fd, first.iov_base, std::min<std::size_t>(first.iov_len, PIPE_BUF));
        },
        [&] {
          return flags == 0 ? slowly(caller, real.writev, fd, list, count)
                            : slowly(caller, real.pwritev2, fd, list, count, -1, flags);
        });
  }
  return transmit(fd, traits, size, "writev", [&](std::size_t done, int more) {
    if (more == 0) return real.pwritev2(fd, list, count, -1, flags);
    if (done == 0) return real.pwritev2(fd, list, count, -1, flags | RWF_NOWAIT);
    const RestOf rest(list, length, done);
    msghdr message{};
    message.msg_iov = rest.list();
    message.msg_iovlen = rest.count();
    return real.sendmsg(fd, &message, more);
  });
}

// Whether preadv2 and pwritev2 with these arguments are like readv and writev, and may wait: where the descriptor
// stands, and with flags of which no descriptor that is waited for takes notice. The kernel refuses others, or is asked
// by the program not to wait.
bool is_like_readv(int count, off64_t offset, int flags) noexcept {
  return count > 0 && offset == -1 && (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)) == 0;
}

// The 64 in the other names of the calls is no matter here: a long has them.
ssize_t preadv2_any(int fd, const iovec* list, int count, off64_t offset, int flags, const void* caller) {
  if (on_greenlet() && is_like_readv(count, offset, flags)) return readv_any(fd, list, count, flags, caller);
  return slowly(caller, real.preadv2, fd, list, count, offset, flags);
}

ssize_t pwritev2_any(int fd, const iovec* list, int count, off64_t offset, int flags, const void* caller) {
  if (on_greenlet() && is_like_readv(count, offset, flags)) return writev_any(fd, list, count, flags, caller);
  return slowly(caller, real.pwritev2, fd, list, count, offset, flags);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for input. Cancellation point. Restarts after a signal.
SHIM ssize_t read(int fd, void* buffer, size_t size) {
  if (!on_greenlet()) return native(real.read, SYS_read, fd, buffer, size);
  return read_any(fd, buffer, size, __builtin_return_address(0));
}

SHIM ssize_t __read(int fd, void* buffer, size_t size) { return read(fd, buffer, size); }

SHIM ssize_t __read_chk(int fd, void* buffer, size_t size, size_t buffer_size) {
  if (size > buffer_size) __chk_fail();
  return read(fd, buffer, size);
}

// Waits for input. Cancellation point. Restarts after a signal.
SHIM ssize_t readv(int fd, const iovec* list, int count) {
  if (!on_greenlet() || count <= 0) return real.readv(fd, list, count);
  return readv_any(fd, list, count, 0, __builtin_return_address(0));
}

// Waits for room, until all is written. Cancellation point. Restarts after a signal.
SHIM ssize_t write(int fd, const void* buffer, size_t size) {
  if (!on_greenlet() || size == 0) return native(real.write, SYS_write, fd, buffer, size);
  return write_any(fd, buffer, size, __builtin_return_address(0));
}

SHIM ssize_t __write(int fd, const void* buffer, size_t size) { return write(fd, buffer, size); }

// Waits for room, until all is written. Cancellation point. Restarts after a signal.
SHIM ssize_t writev(int fd, const iovec* list, int count) {
  if (!on_greenlet() || count <= 0) return real.writev(fd, list, count);
  return writev_any(fd, list, count, 0, __builtin_return_address(0));
}

// Wait for an event, or for room. Cancellation points. Restart after a signal.
SHIM int eventfd_read(int fd, eventfd_t* value) { return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1; }

SHIM int eventfd_write(int fd, eventfd_t value) { return write(fd, &value, sizeof value) == sizeof value ? 0 : -1; }

// Waits like readv where the offset is -1, else for the disk. Cancellation point. Restarts after a signal.
SHIM ssize_t preadv2(int fd, const iovec* list, int count, off_t offset, int flags) {
  return preadv2_any(fd, list, count, offset, flags, __builtin_return_address(0));
}

SHIM ssize_t preadv64v2(int fd, const iovec* list, int count, off64_t offset, int flags) {
  return preadv2_any(fd, list, count, offset, flags, __builtin_return_address(0));
}

// Waits like writev where the offset is -1, else for the disk. Cancellation point. Restarts after a signal.
SHIM ssize_t pwritev2(int fd, const iovec* list, int count, off_t offset, int flags) {
  return pwritev2_any(fd, list, count, offset, flags, __builtin_return_address(0));
}

SHIM ssize_t pwritev64v2(int fd, const iovec* list, int count, off64_t offset, int flags) {
  return pwritev2_any(fd, list, count, offset, flags, __builtin_return_address(0));
}
