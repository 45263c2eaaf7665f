// SIGPIPE, of which the kernel thinks that it is its own thread's.
#pragma once

#include <cerrno>

namespace evergreen::patch {

// Scope of a call that may raise SIGPIPE and fail with EPIPE. Where the running greenlet blocks the signal it is
// pending for the kernel thread then, whose next greenlet may leave it open: so it is taken from there.
class BrokenPipe {
 public:
  BrokenPipe() noexcept = default;
  ~BrokenPipe() {
    if (errno == EPIPE) keep_pending();
  }
  BrokenPipe(const BrokenPipe&) = delete;
  BrokenPipe& operator=(const BrokenPipe&) = delete;

 private:
  static void keep_pending() noexcept;
};

}  // namespace evergreen::patch
