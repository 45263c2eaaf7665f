// Calls that wait until the disk has written. Where nothing is to be written they are quick, so each learns from its
// last calls.

#include <sys/mman.h>

#include "patch/offload.h"

using namespace evergreen;
using namespace evergreen::patch;

// Waits for the disk. Cancellation point.
SHIM int fsync(int fd) {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.fsync(fd); });
}

// Waits for the disk. Cancellation point.
SHIM int fdatasync(int fd) {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.fdatasync(fd); });
}

// Waits for the disk, also with SYNC_FILE_RANGE_WRITE alone when the device's queue is full. Cancellation point.
SHIM int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.sync_file_range(fd, offset, size, flags); });
}

// Waits for the disk.
SHIM int syncfs(int fd) noexcept {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.syncfs(fd); });
}

// Waits for all disks.
SHIM void sync() noexcept {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.sync(); });
}

// Waits for the disk with MS_SYNC. Cancellation point.
SHIM int msync(void* address, size_t size, int flags) {
  if ((flags & MS_SYNC) == 0) return real.msync(address, size, flags);
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return real.msync(address, size, flags); });
}
