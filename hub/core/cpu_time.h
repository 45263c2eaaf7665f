// How much CPU time a greenlet has used. The kernel counts it for its own threads: a greenlet's is what its carriers'
// clocks went on while it ran. Two system calls a switch, so nobody counts before somebody asks.
#pragma once

#include <atomic>

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

extern constinit std::atomic<bool> cpu_time_is_counted;

void note_cpu_begin(HubGreenlet& self) noexcept;
void note_cpu_end(HubGreenlet& self) noexcept;

// The running greenlet goes on, on a kernel thread; and stops.
inline void begin_cpu_time(HubGreenlet& self) noexcept {
  if (cpu_time_is_counted.load(std::memory_order_relaxed)) note_cpu_begin(self);
}
inline void end_cpu_time(HubGreenlet& self) noexcept {
  if (cpu_time_is_counted.load(std::memory_order_relaxed)) note_cpu_end(self);
}

// In nanoseconds, from now on at the latest; never less than before. For who asks first it is that of its kernel
// thread.
std::int64_t own_cpu_time(HubGreenlet& self) noexcept;

// Another's, up to when it last stopped.
std::int64_t cpu_time_of(const HubGreenlet& other) noexcept;

}  // namespace evergreen::core
