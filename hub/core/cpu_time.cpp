#include "hub/core/cpu_time.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hub/core/runtime.h"

namespace evergreen::core {

constinit std::atomic<bool> cpu_time_is_counted{false};

namespace {

constexpr std::int64_t not_counted = -1;

// In a Runtime, where libevergreen-patch.so stands in for nothing.
std::int64_t kernel_threads() noexcept {
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void note_cpu_begin(HubGreenlet& self) noexcept { self.cpu_began = kernel_threads(); }

void note_cpu_end(HubGreenlet& self) noexcept {
  if (self.cpu_began == not_counted) return;
  self.cpu_used.store(self.cpu_used.load(std::memory_order_relaxed) + kernel_threads() - self.cpu_began,
                      std::memory_order_relaxed);
  self.cpu_began = not_counted;
}

std::int64_t own_cpu_time(HubGreenlet& self) noexcept {
  const Runtime runtime;
  cpu_time_is_counted.store(true, std::memory_order_relaxed);
  if (self.cpu_began == not_counted) self.cpu_began = 0;
  return self.cpu_used.load(std::memory_order_relaxed) + kernel_threads() - self.cpu_began;
}

std::int64_t cpu_time_of(const HubGreenlet& other) noexcept {
  cpu_time_is_counted.store(true, std::memory_order_relaxed);
  return other.cpu_used.load(std::memory_order_relaxed);
}

}  // namespace evergreen::core
