// Memory that the program names in a raw system call: where the kernel answers EFAULT, a shim must not fault.
#pragma once

#include <time.h>

#include <chrono>
#include <cstddef>

namespace evergreen::patch {

// Whether the `size` bytes at `address` can be read; at most a page. errno is kept. Any kernel thread.
//
// A page that could be read once is not asked about again: whoever has it unmapped and names it once more in the same
// kind of call gets the fault that any use of such memory earns.
bool is_readable(const void* address, std::size_t size) noexcept;

// What the kernel writes back to the timeout of ppoll and pselect6: the time that is left. Does nothing where it cannot
// be written, as the kernel, and returns false. errno is kept.
bool give_time(timespec* to, std::chrono::nanoseconds left) noexcept;

}  // namespace evergreen::patch
