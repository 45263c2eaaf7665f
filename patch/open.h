// Opening what may block: a FIFO with nobody at its other end, or a device.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "patch/offload.h"

namespace evergreen::patch {

// Whether these flags let the call wait for anything, and for an existing file that is no directory.
bool open_may_wait(int flags) noexcept;

// The S_IFMT bits of what the call would open; 0 where it is not there. errno is kept. A file that is replaced before
// it is opened costs speed, not correctness: the monitor takes the hub.
mode_t kind_to_open(int directory, const char* path, int flags) noexcept;

// Returns what open() does, libc's call.
template <class Open>
auto open_or_offload(int directory, const char* path, int flags, Open open) {
  if (!on_greenlet() || !open_may_wait(flags)) return open();
  switch (kind_to_open(directory, path, flags)) {
    case S_IFIFO:
      return (flags & O_ACCMODE) == O_RDWR ? open() : offloaded(open);  // with O_RDWR it is its own other end
    case S_IFCHR:
    case S_IFBLK: {  // most are quick, /dev/null for one
      static constinit core::CallSite devices(core::CallSite::slow);
      return offloaded(devices, open);
    }
    default:
      return open();
  }
}

}  // namespace evergreen::patch
