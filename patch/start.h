// From a program without threads to one whose threads are greenlets.
#pragma once

#include <atomic>

#include "hub/core/park.h"

namespace evergreen::patch {

// Whether a hub runs in this process. Until then each shim is one predicted branch in front of libc's function.
extern constinit std::atomic<bool> hub_started;
inline bool started() noexcept { return hub_started.load(std::memory_order_acquire); }

// Whether new threads of the program become greenlets: in one that was preloaded; else since it asked for it.
[[nodiscard]] bool converts_threads() noexcept;

// Starts the hub on the calling thread at the first call. nullptr where this glibc cannot carry greenlets (said once,
// in one line) or the kernel refuses descriptors: the program's threads are then kernel threads. Call with only one
// thread in the process, as the first pthread_create does.
core::Hub* start_hub() noexcept;

// The hub that start_hub() made, or nullptr.
core::Hub* hub() noexcept;

// Whether a blocking call may park: a greenlet runs, and neither hub code nor a signal handler that interrupted it; nor
// code that wants the kernel's waits (evergreen/patch.h).
inline bool on_greenlet() noexcept { return core::can_park() && core::current->exempt == 0; }

// Whether a lock is waited for in our table: by greenlets and kernel threads alike, once there is a hub; but not in hub
// code, nor in a signal handler that interrupted it.
inline bool parks() noexcept { return started() && !core::in_runtime && !core::waits_natively; }

}  // namespace evergreen::patch
