// Locks on files. Those that fcntl takes are in descriptor.cpp.

#include <sys/file.h>

#include "patch/offload.h"

using namespace evergreen::patch;

// Waits for other open file descriptions. A signal ends it, or it restarts.
//
// Who converts a lock that he has and cannot get the new one at once loses the old one in the attempt. That is no
// change: the kernel lets go of it before it waits, too.
SHIM int flock(int fd, int operation) noexcept {
  if (!on_greenlet() || (operation & (LOCK_NB | LOCK_UN)) != 0) return real.flock(fd, operation);
  return try_then_offload([=] { return real.flock(fd, operation | LOCK_NB); },
                          [=] { return real.flock(fd, operation); });
}

// Waits for other processes. Cancellation point. A signal ends it. Only the call that waits finds a deadlock.
SHIM int lockf(int fd, int command, off_t size) {
  if (!on_greenlet() || command != F_LOCK) return real.lockf(fd, command, size);
  return try_then_offload([=] { return real.lockf(fd, F_TLOCK, size); }, [=] { return real.lockf(fd, F_LOCK, size); });
}

SHIM int lockf64(int fd, int command, off64_t size) {
  if (!on_greenlet() || command != F_LOCK) return real.lockf64(fd, command, size);
  return try_then_offload([=] { return real.lockf64(fd, F_TLOCK, size); },
                          [=] { return real.lockf64(fd, F_LOCK, size); });
}
