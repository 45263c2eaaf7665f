// sendfile: from a file, which is always ready, to whatever the descriptor is.
//
// No flag keeps it from waiting for a socket. But a socket that is writable has room for a quarter of its buffer (TCP:
// a third, AF_UNIX: three quarters). So a file goes in such pieces, each once the socket is writable; the kernel itself
// moves the offset, and says what is wrong. If somebody else writes to the socket in between a piece may block: then
// the hub is taken.

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "patch/blocking.h"
#include "patch/offload.h"
#include "patch/uncancelled.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

constexpr std::size_t page = 4096;
constexpr off64_t longest = std::numeric_limits<off64_t>::max();

std::size_t piece_of(int socket) noexcept {
  int buffer = 0;
  socklen_t size = sizeof buffer;
  getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer, &size);
  return std::max(static_cast<std::size_t>(buffer) / 4 / page * page, page);
}

// Nothing is left to send: the kernel then asks for no room.
bool is_at_end(int in, const off64_t* offset) noexcept {
  struct stat64 file {};
  if (fstat64(in, &file) != 0 || !S_ISREG(file.st_mode)) return false;
  return (offset != nullptr ? *offset : lseek64(in, 0, SEEK_CUR)) >= file.st_size;
}

// Whether the call would get as far as to wait for room.
bool may_begin(int out, int in, const off64_t* offset, std::size_t size) noexcept {
  const int to = real.fcntl(out, F_GETFL), from = real.fcntl(in, F_GETFL);
  const bool is_file = type_of_file(out) != 0;  // an eventfd, say, is refused
  const mode_t source = type_of_file(in);
  const bool writable = is_file && !is_listening(out) && to >= 0 && (to & O_ACCMODE) != O_RDONLY &&
                        (to & (O_APPEND | O_NONBLOCK | O_PATH)) == 0;
  const bool readable =
      from >= 0 && (from & O_PATH) == 0 && (from & O_ACCMODE) != O_WRONLY && (S_ISREG(source) || S_ISBLK(source));
  return writable && readable &&
         (offset == nullptr ||
          (is_readable(offset, sizeof *offset) && *offset >= 0 && *offset <= longest - static_cast<off64_t>(size))) &&
         !is_at_end(in, offset);
}

// After the first piece, a connection that is gone ends the call: the next one says so, and raises SIGPIPE.
bool is_hung_up(int socket) noexcept { return (look(socket, 0) & POLLHUP) != 0; }

// call(most) sends so many bytes at most. `piece` is what it may send without waiting; a stream takes one after the
// other until it has all, anything else what one call gives.
template <class Call>
ssize_t send_file(int out, const FdTraits& traits, std::size_t size, int in, const off64_t* offset, Call call) {
  const KeepErrno keep;
  const bool is_stream = traits.kind == FdKind::stream;
  const std::size_t piece = is_stream ? piece_of(out) : size;
  Wait wait(out, traits, Direction::write, "sendfile");
  for (std::size_t done = 0;;) {
    const auto so_far = [&] { return keep(static_cast<ssize_t>(done)); };
    if (!is_ready(out, Direction::write)) {
      const bool must_not = done == 0 && !may_begin(out, in, offset, size);
      const int error = must_not ? Wait::must_not : wait.until_ready();
      if (error == 0) continue;
      if (done != 0) return so_far();
      return error == Wait::must_not ? keep(call(size)) : fail(error);
    }
    if (done != 0 && is_hung_up(out)) return so_far();
    const ssize_t sent = call(std::min(piece, size - done));
    if (sent < 0) return done != 0 ? so_far() : -1;
    done += static_cast<std::size_t>(sent);
    if (sent == 0 || !is_stream || done >= size) return so_far();
  }
}

ssize_t sendfile_any(int out, int in, off64_t* offset, size_t size, const void* caller) {
  const auto call = [=](std::size_t count) { return slowly(caller, real.sendfile, out, in, offset, count); };
  constexpr std::size_t absurd = std::size_t{1} << 62;  // refused, perhaps
  if (!on_greenlet() || size == 0 || size >= absurd) return call(size);
  const Uncancelled scope;  // as the kernel's call is: no cancellation point
  const FdTraits traits = traits_of(out);
  if (traits.kind == FdKind::unknown || traits.kind == FdKind::never_waits || traits.nonblocking) return call(size);
  return send_file(out, traits, std::min(size, most_at_once), in, offset, call);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for room, until a stream socket has taken all. Restarts after a signal.
SHIM ssize_t sendfile(int out, int in, off_t* offset, size_t size) noexcept {
  return sendfile_any(out, in, offset, size, __builtin_return_address(0));
}

SHIM ssize_t sendfile64(int out, int in, off64_t* offset, size_t size) noexcept {
  return sendfile_any(out, in, offset, size, __builtin_return_address(0));
}
