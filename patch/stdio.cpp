// Streams: how all of stdio reads, writes and closes. libc's entries and their buffers stay as they are; a greenlet that
// parks here holds the stream's lock, as a thread would that blocks (libc_lock.cpp).

#include <sys/types.h>

#include "patch/inside.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

// FILE::_flags2: a stream of libc's own, or one opened with "c". Its calls are no cancellation points.
constexpr int not_cancelled = 2;

class Uncancelled {
 public:
  explicit Uncancelled(bool wanted) noexcept : wanted_(wanted) {
    if (wanted_) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
  }
  ~Uncancelled() {
    if (wanted_) pthread_setcancelstate(before_, nullptr);
  }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  const bool wanted_;
  int before_ = PTHREAD_CANCEL_ENABLE;
};

bool is_uncancelled(const FILE& stream) noexcept { return (stream._flags2 & not_cancelled) != 0; }

}  // namespace

// Waits for input. Cancellation point. Restarts after a signal.
ssize_t inside::_IO_file_read(FILE* stream, void* buffer, ssize_t size) {
  const Uncancelled scope(is_uncancelled(*stream));
  return read(stream->_fileno, buffer, static_cast<size_t>(size));
}

// Waits for room, until all is written. Cancellation point. Restarts after a signal.
ssize_t inside::_IO_file_write(FILE* stream, const void* data, ssize_t size) {
  const Uncancelled scope(is_uncancelled(*stream));
  ssize_t done = 0;
  while (done < size) {
    const ssize_t put =
        write(stream->_fileno, static_cast<const char*>(data) + done, static_cast<size_t>(size - done));
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
  const Uncancelled scope(true);
  return close(stream->_fileno);
}

}  // namespace evergreen::patch
