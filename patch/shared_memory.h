// Which of the process's memory others may share: a futex there may be woken by another process.
#pragma once

namespace evergreen::patch {

// Whether `address` lies in memory that was mapped with MAP_SHARED or shmat, and is mapped still. In doubt true. Any
// kernel thread; async-signal-safe. What was not mapped through libc is not known of.
bool is_shared_memory(const void* address) noexcept;

// Around fork, so that the child finds its records in a state that it can use.
void lock_shared_memory() noexcept;
void unlock_shared_memory() noexcept;

}  // namespace evergreen::patch
