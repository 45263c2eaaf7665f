// Functions that libc calls from within, past every shim. We overwrite their first bytes with a jump to ours.
#pragma once

#include <pthread.h>
#include <stdio.h>

namespace evergreen::patch {

// Call with only one thread in the process. Where it is not possible all of them stay libc's: then a greenlet that
// waits in one of them blocks its kernel thread, until the monitor takes the hub.
void replace_inside_libc() noexcept;

// While it lasts the running greenlet, which may park, owns the lock of `stream` as itself. libc knows an owner by its
// TLS block, and would let in all that share it.
class ParkedOwner {
 public:
  explicit ParkedOwner(FILE& stream) noexcept;
  ~ParkedOwner();
  ParkedOwner(const ParkedOwner&) = delete;
  ParkedOwner& operator=(const ParkedOwner&) = delete;

 private:
  pthread_t* owner_ = nullptr;
};

// Ours, under libc's names; those of streams are of the tables through which libc calls them. See hooks.def.
namespace inside {
// NOLINTBEGIN(readability-identifier-naming)
ssize_t _IO_file_read(FILE* stream, void* buffer, ssize_t size);
ssize_t _IO_file_write(FILE* stream, const void* data, ssize_t size);
int _IO_file_close(FILE* stream);
void __lll_lock_wait_private(int* lock) noexcept;
void __lll_lock_wake_private(int* lock) noexcept;
// NOLINTEND(readability-identifier-naming)
}  // namespace inside

}  // namespace evergreen::patch
