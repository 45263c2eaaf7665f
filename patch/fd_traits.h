// What a blocking call must know of a descriptor, remembered from call to call.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "evergreen/deadline.h"
#include "hub/core/closing.h"

namespace evergreen::patch {

enum class FdKind : std::uint8_t {
  unknown,      // no open descriptor: the plain call says so
  stream,       // connected byte stream: TCP, AF_UNIX
  messages,     // any other socket
  nowait,       // preadv2 and pwritev2 take RWF_NOWAIT: pipes, timerfd, reading eventfd
  poll_first,   // they don't: ttys, inotify, writing eventfd, ...
  never_waits,  // regular files, directories, block devices
};

struct FdTraits {
  FdKind kind = FdKind::unknown;
  bool nonblocking = false;  // O_NONBLOCK as the program set it. Sockets only: others are asked each time
  bool timeouts = false;     // SO_RCVTIMEO or SO_SNDTIMEO is set
  bool low_water = false;    // SO_RCVLOWAT is more than 1
  bool drained = false;      // the last read of a stream took less than it asked for: nothing is left

  [[nodiscard]] bool is_socket() const noexcept { return kind == FdKind::stream || kind == FdKind::messages; }
};

// One load when known; else asks the kernel. errno is kept. Any kernel thread.
FdTraits traits_of(int fd) noexcept;

// The same, for a call on a socket that is about to wait: asks the kernel again where another process could have
// changed the open file's flags or options.
FdTraits traits_before_wait(int fd, const FdTraits& known) noexcept;

// For a call that makes a socket, which no other process has then; to be made before the call, because another thread
// may fork right after it.
class Maker {
 public:
  Maker() noexcept;

  // note_new() of that socket.
  void note_made(int fd) const noexcept;
  // The same for an accepted one, of which the listener says all.
  void note_accepted(int fd, int listener, bool nonblocking) const noexcept;

 private:
  const std::uint64_t made_;
};

// Other processes may share the descriptors that there are now: after fork, and when some are sent.
void note_shared() noexcept;

// Whether no other process can have the open file. False where that is not known: inherited, received, duplicated.
[[nodiscard]] bool is_private(int fd) noexcept;

// Corrections by those who find out more.
void set_drained(int fd, bool drained) noexcept;
void set_poll_first(int fd) noexcept;

void forget_traits(int fd) noexcept;
void forget_traits_range(unsigned first, unsigned last) noexcept;

// The number means another open file from now on, or none: what we knew of it is void, and greenlets that still wait
// for it get EBADF. Call before the close, while the number can't have a new owner yet.
void note_gone(int fd) noexcept;

// The same around the close itself, so that no greenlet can begin to wait for the number in between. A cancellation may
// end close() by unwinding this frame.
template <class Close>
auto note_gone_around(int fd, Close close) {
  forget_traits(fd);
  const core::Closing closing(fd);
  return close();
}

// The same for each number from `first` to `last`.
template <class Close>
auto note_gone_range_around(unsigned first, unsigned last, Close close) noexcept {
  forget_traits_range(first, last);
  const core::ClosingRange closing(first, last);
  return close();
}

// The kernel has just given out this number: whatever we still hold of it is of an owner that was closed behind our
// back, by a raw system call. Two or three loads if there is nothing. -1 is no number. errno is kept.
void note_new(int fd) noexcept;

// The same for the descriptors that came with a message (SCM_RIGHTS).
void note_received(const msghdr& message) noexcept;

// Its flags or options change; so may those of any duplicate.
void note_changed(int fd) noexcept;

// `fd` is a new number for an open file that has another.
void note_duplicate(int fd) noexcept;

// The S_IFMT bits of the open file; 0 where there is none, or it is of no type, as an eventfd. A system call.
mode_t type_of_file(int fd) noexcept;

// Is O_NONBLOCK set now? A system call.
bool is_nonblocking(int fd) noexcept;

// When a call on this socket must give up with EAGAIN: now + SO_RCVTIMEO or SO_SNDTIMEO (`option`).
Deadline socket_deadline(int fd, const FdTraits& traits, int option) noexcept;

// How many bytes a blocking read of a stream waits for, if it asks for so many: SO_RCVLOWAT.
std::size_t low_water_mark(int fd, const FdTraits& traits) noexcept;

}  // namespace evergreen::patch
