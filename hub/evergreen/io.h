#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "evergreen/deadline.h"

namespace evergreen {

// The own deadline of a call on a descriptor or socket has passed: of code std::errc::timed_out, so handlers of errors
// of the connection see it too. gevent.socket.timeout.
class IoTimeout : public std::system_error {
 public:
  // `call`: which one, for what().
  explicit IoTimeout(const char* call) : std::system_error(std::make_error_code(std::errc::timed_out), call) {}
};

// Wait until `fd` may be read from, or written to, without blocking: readable is also the end of a stream, or an error.
// Return false if `deadline` has passed first; with Deadline::now() they only look. "May": somebody else may take it
// first. Throw what ends the running greenlet (GreenletExit, Timeout), and std::system_error: EBADF where fd is not
// open, or is closed meanwhile, by Descriptor or under the patch by anybody.
//
// Threads: any greenlet; plain kernel threads poll(2), and do not hear there that fd is closed.
// Follow gevent.socket.wait_read, wait_write.
bool wait_readable(int fd, Deadline deadline = Deadline::never());
bool wait_writable(int fd, Deadline deadline = Deadline::never());

// An open file that is its owner's: a pipe, a terminal, any descriptor whose calls may block.
//
//     Descriptor log(open("/dev/ttyS0", O_RDONLY | O_CLOEXEC));
//     std::string line = log.read(80);           // parks this greenlet; the others go on
//
// The calls never change its O_NONBLOCK, which other processes may share.
//
// Threads: one greenlet may read while another one writes. Of several that read each gets some of the data; of several
// that write, see write_all(). close() may come at any time from a greenlet of the same hub; from elsewhere, and the
// end of the object, only where nobody uses it.
// Fork: the child has a copy, to be closed by itself.
class Descriptor {
 public:
  Descriptor() noexcept = default;                   // none: only operator bool, get(), close() and = may be called
  explicit Descriptor(int fd) noexcept : fd_(fd) {}  // takes it over
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;  // closes what it had
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const noexcept { return fd_; }                      // -1 if closed
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }  // open
  [[nodiscard]] int release() noexcept;                                       // gives it away, open

  // Ends the waits of other greenlets for it, whose calls throw std::system_error EBADF, and closes it. Does nothing if
  // it is closed. Errors of close(2) are not told.
  void close() noexcept;

  // Waits until there is something, and reads it: at most into.size() bytes. Returns how many; 0 at the end of the file
  // only. Throws std::system_error, IoTimeout, what ends the running greenlet; nothing has been read then.
  std::size_t read(std::span<char> into, Deadline deadline = Deadline::never());
  std::string read(std::size_t most, Deadline deadline = Deadline::never());

  // Reads to the end of the file. What an exception interrupts is lost; for more use read().
  std::string read_all(Deadline deadline = Deadline::never());

  // Writes what it can without waiting, at least one byte: waits until it can. Returns how many. Throws as read(), and
  // nothing has been written then.
  std::size_t write(std::string_view data, Deadline deadline = Deadline::never());

  // Writes all. Throws as read(): a part has been written then. Of two greenlets' calls the data may mix where they
  // have to wait: a Lock keeps them apart.
  void write_all(std::string_view data, Deadline deadline = Deadline::never());

 private:
  int fd_ = -1;
};

}  // namespace evergreen
