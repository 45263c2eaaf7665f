// Memory that the program names in a call: where the kernel answers EFAULT, a shim must not fault.
#pragma once

#include <sys/time.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace evergreen::patch {

// Whether the `size` bytes at `address` can be read; at most a page. errno is kept. Any kernel thread.
//
// A page that could be read once is not asked about again: whoever has it unmapped and names it once more in the same
// kind of call gets the fault that any use of such memory earns.
bool is_readable(const void* address, std::size_t size) noexcept;

// Whether the kernel would take it for a timeout: nullptr, for none, or a time that can be read and is valid. No inline
// function: compilers leave its look for nullptr out where libc's header says that there always is a time.
bool is_timeout(const timespec* time) noexcept;

// Whether the range ends where no process has memory. read and write refuse that at once, other calls in part and
// later.
inline bool is_beyond_memory(const void* address, std::size_t size) noexcept {
  constexpr std::uintptr_t end = 0x7FFF'FFFF'F000;
  return size > end || reinterpret_cast<std::uintptr_t>(address) > end - size;
}

// What the kernel writes back to the timeout of ppoll and pselect6: the time that is left. Does nothing where it cannot
// be written, as the kernel, and returns false. errno is kept.
bool give_time(timespec* to, std::chrono::nanoseconds left) noexcept;
bool give_time(timespec* to, timespec left) noexcept;
void give_time(timeval* to, timeval left) noexcept;  // the same for select

}  // namespace evergreen::patch
