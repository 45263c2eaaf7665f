// Streams: how all of stdio reads, writes and closes. libc's entries and their buffers stay as they are; a greenlet
// that parks here holds the stream's lock, as a thread would that blocks (libc_lock.cpp).

#include <stdio_ext.h>

#include <cstring>

#include "patch/fd_traits.h"
#include "patch/inside.h"
#include "patch/open.h"
#include "patch/uncancelled.h"

namespace evergreen::patch {
namespace {

// FILE::_flags2: a stream of libc's own, or one opened with "c". Its calls are no cancellation points.
constexpr int not_cancelled = 2;

bool is_uncancelled(const FILE& stream) noexcept { return (stream._flags2 & not_cancelled) != 0; }

// open(2)'s flags for fopen's mode. One that is wrong means no file, and is left to libc.
int flags_of(const char* mode) noexcept {
  const int access = std::strchr(mode, '+') != nullptr ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
  const int creation = *mode == 'r' ? 0 : O_CREAT;
  return access | creation | (std::strchr(mode, 'x') != nullptr ? O_EXCL : 0);
}

template <class Open>
FILE* open_stream(const char* path, const char* mode, Open open) {
  if (path == nullptr || mode == nullptr || !on_greenlet()) return open();
  FILE* stream = open_or_offload(AT_FDCWD, path, flags_of(mode), open);
  if (stream != nullptr) note_new(fileno(stream));
  return stream;
}

// What is still to be written belongs to the old file, and may have to wait; what can't be written is lost.
void flush_or_drop(FILE* stream) {
  constexpr int putting = 0x800;  // FILE::_flags: the buffer is for output now
  const KeepErrno keep;
  if ((stream->_flags & putting) == 0) return;
  if (fflush(stream) != 0) __fpurge(stream);
  keep(0);
}

// The number stays, and means another file: libc ends with a dup3, which passes no shim.
template <class Open>
FILE* reopen_stream(FILE* stream, const char* path, const char* mode, Open open) {
  if (!started() || stream == nullptr) return open();
  flush_or_drop(stream);
  return note_gone_around(fileno(stream), [=] { return open_stream(path, mode, open); });
}

}  // namespace

// Waits for input. Cancellation point. Restarts after a signal.
ssize_t inside::_IO_file_read(FILE* stream, void* buffer, ssize_t size) {
  const ParkedOwner owner(*stream);
  const Uncancelled scope(is_uncancelled(*stream));
  return read(stream->_fileno, buffer, static_cast<size_t>(size));
}

// Waits for room, until all is written. Cancellation point. Restarts after a signal.
ssize_t inside::_IO_file_write(FILE* stream, const void* data, ssize_t size) {
  const ParkedOwner owner(*stream);
  const Uncancelled scope(is_uncancelled(*stream));
  ssize_t done = 0;
  while (done < size) {
    const ssize_t put = write(stream->_fileno, static_cast<const char*>(data) + done, static_cast<size_t>(size - done));
    if (put < 0) {
      stream->_flags |= _IO_ERR_SEEN;
      break;
    }
    done += put;
  }
  if (stream->_offset >= 0) stream->_offset += done;
  return done;
}

int inside::_IO_file_close(FILE* stream) {
  const Uncancelled scope;
  return close(stream->_fileno);
}

}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for the other end of a FIFO, or a device. Cancellation point.
SHIM FILE* fopen(const char* path, const char* mode) {
  return open_stream(path, mode, [=] { return real.fopen(path, mode); });
}

SHIM FILE* fopen64(const char* path, const char* mode) {
  return open_stream(path, mode, [=] { return real.fopen64(path, mode); });
}

// The same, after all is written that the stream still holds.
SHIM FILE* freopen(const char* path, const char* mode, FILE* stream) {
  return reopen_stream(stream, path, mode, [=] { return real.freopen(path, mode, stream); });
}

SHIM FILE* freopen64(const char* path, const char* mode, FILE* stream) {
  return reopen_stream(stream, path, mode, [=] { return real.freopen64(path, mode, stream); });
}

// Waits for the child, inside libc: on a kernel thread of its own. Its close of the pipe is inside libc too.
SHIM int pclose(FILE* stream) {
  if (started() && stream != nullptr) note_gone(fileno(stream));
  return offloaded([=] { return real.pclose(stream); });
}
