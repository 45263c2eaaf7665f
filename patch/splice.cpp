// splice, tee, vmsplice: between pipes, files and sockets, inside the kernel. For pipes they take SPLICE_F_NONBLOCK;
// that does not keep them from waiting for a socket or a terminal at the other side, which is polled first.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "patch/block_or_look.h"
#include "patch/blocking.h"
#include "patch/offload.h"

namespace evergreen::patch {
namespace {

// One side of a transfer.
class Side {
 public:
  Side(int fd, Direction direction, const char* why) noexcept
      : fd_(fd), direction_(direction), traits_(traits_of(fd)), wait_(fd, traits_, direction, why) {
    const bool waits = traits_.kind != FdKind::unknown && traits_.kind != FdKind::never_waits;
    is_pipe_ = S_ISFIFO(type_of_file(fd));
    is_polled_ = waits && !is_pipe_;
  }

  [[nodiscard]] bool is_pipe() const noexcept { return is_pipe_; }
  // Only a call that finds it ready is sure not to wait for it.
  [[nodiscard]] bool is_polled() const noexcept { return is_polled_; }
  [[nodiscard]] bool is_ready() const noexcept { return patch::is_ready(fd_, direction_); }
  [[nodiscard]] bool is_nonblocking() const noexcept { return patch::is_nonblocking(fd_); }

  // A pipe without readers, or an empty one without writers: the call ends at once.
  [[nodiscard]] bool is_broken() const noexcept {
    if (is_polled_) return false;
    const int seen = look(fd_, POLLIN);
    return (seen & POLLERR) != 0 || (seen & (POLLHUP | POLLIN)) == POLLHUP;
  }

  // Can the kernel read from it, or write to it?
  [[nodiscard]] bool has_right_mode() const noexcept {
    const int flags = real.fcntl(fd_, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != (direction_ == Direction::read ? O_WRONLY : O_RDONLY);
  }

  // Returns 0, Wait::must_not, or what the call must fail with.
  int until_ready() { return wait_.until_ready(); }

 private:
  const int fd_;
  const Direction direction_;
  const FdTraits traits_;
  Wait wait_;
  bool is_pipe_, is_polled_;
};

// attempt() is the call with SPLICE_F_NONBLOCK, plain() the call as the program makes it: that also is right where the
// program has set O_NONBLOCK, of which each kernel takes notice at other sides.
template <class Attempt, class Plain>
ssize_t transfer(Side& from, Side& to, const char* why, Attempt attempt, Plain plain) {
  const KeepErrno keep;
  const bool polls = from.is_polled() || to.is_polled();
  for (;;) {
    if (!polls || (from.is_ready() && to.is_ready()) || to.is_broken() || from.is_broken()) {
      const ssize_t moved = attempt();
      if (moved >= 0 || errno != EAGAIN) return keep(moved);
    }
    if (from.is_nonblocking() || to.is_nonblocking()) return keep(plain());
    Side* missing = !from.is_ready() ? &from : !to.is_ready() ? &to : nullptr;
    if (missing == nullptr) {  // by now; or never for such a call
      sleep_a_little(why, Deadline::never());
      continue;
    }
    const int error = missing->until_ready();
    if (error == Wait::must_not) return keep(plain());
    if (error != 0) return fail(error);
  }
}

ssize_t splice_any(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t size, unsigned flags,
                   const void* caller) {
  constexpr const char* why = "splice";
  constexpr unsigned known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
  const auto call = [=](unsigned more) {
    return slowly(caller, real.splice, in, in_offset, out, out_offset, size, flags | more);
  };
  const auto plain = [=] { return call(0); };
  if (!on_greenlet() || size == 0 || (flags & (SPLICE_F_NONBLOCK | ~known)) != 0) return plain();
  Side from(in, Direction::read, why), to(out, Direction::write, why);
  // What the kernel refuses it refuses before it waits.
  const bool polls = from.is_polled() || to.is_polled();
  const bool refused = (!from.is_pipe() && !to.is_pipe()) || is_listening(out) || type_of_file(out) == 0 ||
                       in_offset != nullptr || out_offset != nullptr || !from.has_right_mode() || !to.has_right_mode();
  if (polls && refused) return plain();
  return transfer(
      from, to, why, [=] { return call(SPLICE_F_NONBLOCK); }, plain);
}

ssize_t tee_any(int in, int out, size_t size, unsigned flags) {
  const auto call = [=](unsigned more) { return real.tee(in, out, size, flags | more); };
  Side from(in, Direction::read, "tee"), to(out, Direction::write, "tee");
  if (from.is_polled() || to.is_polled()) return call(0);  // is refused: both must be pipes
  return transfer(
      from, to, "tee", [=] { return call(SPLICE_F_NONBLOCK); }, [=] { return call(0); });
}

// To a pipe; or from it, where the descriptor is its read end.
ssize_t vmsplice_any(int fd, const iovec* list, size_t count, unsigned flags) {
  const KeepErrno keep;
  const auto call = [=](unsigned more) { return real.vmsplice(fd, list, count, flags | more); };
  for (;;) {
    const ssize_t moved = call(SPLICE_F_NONBLOCK);
    if (moved >= 0 || errno != EAGAIN) return keep(moved);
    const int mode = real.fcntl(fd, F_GETFL);
    if (mode < 0 || (mode & O_NONBLOCK) != 0) return keep(call(0));
    const auto direction = (mode & O_ACCMODE) == O_RDONLY ? Direction::read : Direction::write;
    if (const int error = wait_ready(fd, direction, "vmsplice", Deadline::never())) return fail(error);
  }
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for input and for room. Cancellation point. Restarts after a signal.
SHIM ssize_t splice(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t size, unsigned flags) {
  return splice_any(in, in_offset, out, out_offset, size, flags, __builtin_return_address(0));
}

// Waits for input and for room. Cancellation point. Restarts after a signal.
SHIM ssize_t tee(int in, int out, size_t size, unsigned flags) {
  if (!on_greenlet() || size == 0 || (flags & SPLICE_F_NONBLOCK) != 0) return real.tee(in, out, size, flags);
  return tee_any(in, out, size, flags);
}

// Waits for room, or input. Cancellation point. Restarts after a signal.
SHIM ssize_t vmsplice(int fd, const iovec* list, size_t count, unsigned flags) {
  if (!on_greenlet() || (flags & SPLICE_F_NONBLOCK) != 0) return real.vmsplice(fd, list, count, flags);
  return vmsplice_any(fd, list, count, flags);
}
