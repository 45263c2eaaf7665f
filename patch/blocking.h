// How a blocking call on one descriptor becomes a park: try without blocking, wait, try again.
//
// O_NONBLOCK is never set for that: the flag belongs to the open file, which other processes may share. Sockets take
// MSG_DONTWAIT; pipes and the like RWF_NOWAIT; the rest is polled first, and then called when ready.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <atomic>

#include "hub/core/wait_fd.h"
#include "patch/broken_pipe.h"
#include "patch/fd_traits.h"
#include "patch/interruption.h"
#include "patch/shim.h"

namespace evergreen::patch {

using core::Direction;

// Parks until `fd` may be ready. Returns 0, or what the call must fail with: EBADF if another greenlet closed it,
// EAGAIN when `deadline` (of SO_RCVTIMEO, SO_SNDTIMEO) has passed, EINTR. Cancellation point.
//
// signal(7): calls with a deadline never go on after a signal. One that has done a part ends with that part, after a
// signal, and where otherwise it would be cancelled: XSH 2.9.5.2.
inline int wait_ready(int fd, Direction direction, const char* why, Deadline deadline, bool has_done_part = false) {
  using Restarts = Interruption::Restarts;
  const Interruption interruption(deadline.is_never() && !has_done_part ? Restarts::if_asked : Restarts::never);
  const core::Wake how = core::wait_fd(fd, direction, why, deadline);
  if (how == core::Wake::timed_out) return EAGAIN;
  if (how == core::Wake::interrupted) return EBADF;
  if (how == core::Wake::signalled && has_done_part && has_cancel_pending()) return EINTR;
  return interruption.after(how);
}

// What poll says of `fd` now: which of `events`, and whether POLLERR, POLLHUP, POLLNVAL. 0: nothing. Not by libc's
// poll, which is a cancellation point: a look within a call is none.
inline int look(int fd, int events) noexcept {
  pollfd state{fd, static_cast<short>(events), 0};
  const long found = real.syscall(SYS_poll, &state, 1L, 0L);
  return found < 0 ? POLLNVAL : found == 0 ? 0 : state.revents;
}

// Is `fd` ready now, or in a state (error, hang-up, not open) in which the call will not block?
inline bool is_ready(int fd, Direction direction) noexcept {
  return look(fd, direction == Direction::read ? POLLIN : POLLOUT) != 0;
}

// What SO_ERROR says, and then no longer.
int pending_error(int fd) noexcept;

// Does it accept connections? Nothing can ever be written to it. errno is kept.
bool is_listening(int fd) noexcept;

// The waits of one call on a socket, all until the same deadline (SO_RCVTIMEO, SO_SNDTIMEO).
class Wait {
 public:
  static constexpr int must_not = -1;  // O_NONBLOCK is set, as turns out just now

  Wait(int fd, const FdTraits& traits, Direction direction, const char* why) noexcept
      : fd_(fd), traits_(traits), direction_(direction), why_(why) {}

  // Returns 0, must_not, or what the call must fail with.
  int until_ready();

  // MSG_PEEK leaves what is there, so no event tells of more: looks again a little later. Returns false where no more
  // will come: at the end of the stream, or the deadline.
  bool for_more_than_is_there();

  // For a call that has done a part: whether the next thing is for the next call, as in the kernel. An error (but an
  // AF_UNIX socket's, which is lost there too), or urgent data.
  [[nodiscard]] bool is_for_next_call() const noexcept;

  // After a send: where it opened the connection (TCP fast open), until that is open. Returns 0, or the error.
  int until_open();

  // The call got on: what it waits for next is another thing.
  void note_progress() noexcept {
    in_vain_ = 0;
    has_done_part_ = true;
  }

 private:
  bool begin() noexcept;  // returns whether it may wait

  const int fd_;
  FdTraits traits_;
  const Direction direction_;
  const char* const why_;
  Deadline deadline_ = Deadline::never();
  bool begun_ = false;
  bool has_done_part_ = false;
  int in_vain_ = 0;  // waits since the call last got on
};

// What a call that must not wait fails with.
inline int refusal_of(int error) noexcept { return error == Wait::must_not ? EAGAIN : error; }

// What the kernel takes of a longer length.
constexpr std::size_t most_at_once = 0x7ffff000;

// Whether the socket holds an error that the next call would fail with.
bool has_error(int fd) noexcept;

// How many bytes a blocking read of `wanted` bytes waits for.
std::size_t least_of(int fd, const FdTraits& traits, int flags, std::size_t wanted) noexcept;

// A blocking input call on a socket. attempt(done, flags) is libc's call, with `flags` added, for what is left after
// the first `done` bytes; wanted() is the size of the whole, 0 if it is counted otherwise. Of the program's `flags`
// MSG_WAITALL and MSG_PEEK matter. A stream is read until there is as much as the kernel would wait for.
//
// After a short read of a stream nothing is left to read: the next call waits at once, which saves the EAGAIN.
template <class Wanted, class Attempt>
ssize_t receive(int fd, const FdTraits& traits, Wanted wanted, int flags, const char* why, Attempt attempt) {
  if (traits.nonblocking && is_private(fd)) return attempt(0, 0);
  const KeepErrno keep;
  const bool is_stream = traits.kind == FdKind::stream, peeks = (flags & MSG_PEEK) != 0;
  Wait wait(fd, traits, Direction::read, why);
  std::size_t done = 0;
  bool tried = false;
  for (bool wait_first = traits.drained && !traits.nonblocking;; wait_first = true) {
    if (wait_first) {
      const int error = refusal_of(wait.until_ready());
      const bool ends = error != 0 ? tried || error != EAGAIN : done != 0 && wait.is_for_next_call();
      if (ends) return done != 0 ? keep(static_cast<ssize_t>(done)) : fail<ssize_t>(error);
    }
    if (done != 0 && has_cancel_pending()) return keep(static_cast<ssize_t>(done));
    tried = true;
    const ssize_t got = attempt(peeks ? 0 : done, MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EAGAIN) continue;
      return done != 0 ? keep(static_cast<ssize_t>(done)) : -1;
    }
    wait.note_progress();
    done = static_cast<std::size_t>(got) + (peeks ? 0 : done);
    const bool is_short = got > 0 && is_stream && done < wanted();
    if (is_short && done < least_of(fd, traits, flags, wanted())) {
      if (!peeks || wait.for_more_than_is_there()) continue;
    }
    const bool drained = is_short && !peeks && !traits.low_water;  // no event tells of less than that
    if (drained != traits.drained) set_drained(fd, drained);
    return keep(static_cast<ssize_t>(done));
  }
}

// Set for good by the first MSG_FASTOPEN or TCP_FASTOPEN_CONNECT: sends may open connections.
extern constinit std::atomic<bool> sends_may_open;

// A blocking output call on a socket; attempt and size as above. A stream takes all of it. If it fails half way, what
// it took counts, and no second SIGPIPE is raised. What opens the connection waits until that is open.
template <class Size, class Attempt>
ssize_t transmit(int fd, const FdTraits& traits, Size size, const char* why, Attempt attempt) {
  const BrokenPipe scope;
  if (traits.nonblocking && is_private(fd)) return attempt(0, 0);
  const KeepErrno keep;
  Wait wait(fd, traits, Direction::write, why);
  std::size_t done = 0;
  for (;;) {
    if (done != 0 && has_cancel_pending()) return keep(static_cast<ssize_t>(done));
    const ssize_t sent = attempt(done, done == 0 ? MSG_DONTWAIT : MSG_DONTWAIT | MSG_NOSIGNAL);
    const int refusal = sent < 0 ? errno : 0;
    if (sends_may_open.load(std::memory_order_relaxed) && (refusal == 0 || refusal == EINPROGRESS)) {
      const int error = wait.until_open();
      if (error == EAGAIN) return sent >= 0 ? keep(sent) : fail<ssize_t>(refusal);
      if (error != 0) return fail<ssize_t>(error);
    }
    if (sent >= 0) {
      wait.note_progress();
      done += static_cast<std::size_t>(sent);
      if (sent == 0 || traits.kind != FdKind::stream || done >= size()) return keep(static_cast<ssize_t>(done));
      continue;
    }
    const bool waits = refusal == EAGAIN || refusal == EINPROGRESS;
    int error = waits ? refusal_of(wait.until_ready()) : refusal;
    if (waits && error == 0 && done == 0) error = pending_error(fd);  // the kernel looks at it first, and so no SIGPIPE
    if (error != 0 || (done != 0 && wait.is_for_next_call())) {
      return done != 0 ? keep(static_cast<ssize_t>(done)) : fail<ssize_t>(error == EAGAIN ? refusal : error);
    }
  }
}

// A scatter list with the first `done` bytes taken off, for the rest of a partial transfer.
class RestOf {
 public:
  RestOf(const iovec* list, std::size_t count, std::size_t done);
  ~RestOf() { delete[] list_; }
  RestOf(const RestOf&) = delete;
  RestOf& operator=(const RestOf&) = delete;

  [[nodiscard]] iovec* list() const noexcept { return list_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  iovec* list_;
  std::size_t count_ = 0;
};

// At most as much as the kernel takes at once.
std::size_t total_size(const iovec* list, std::size_t count) noexcept;

}  // namespace evergreen::patch
