#include "hub/core/provoke.h"

#ifdef EVERGREEN_PROVOKE

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace evergreen::core {

void provoke() noexcept {
  static std::atomic<std::uint64_t> count{0};
  const std::uint64_t random = (count.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9e3779b97f4a7c15U >> 32;
  if (random % 16 != 0) return;
  const int saved = errno;
  if (random % 256 != 0) {
    syscall(SYS_sched_yield);
  } else {
    const timespec length{0, static_cast<long>(random % 100'000)};
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &length, nullptr);
  }
  errno = saved;
}

}  // namespace evergreen::core

#endif
