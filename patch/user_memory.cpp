#include "patch/user_memory.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "patch/clock.h"
#include "patch/real.h"

namespace evergreen::patch {
namespace {

constexpr std::uintptr_t page_size = 4096;

// Numbers of pages that could be read, each at the place that its lowest bits say.
constinit std::array<std::atomic<std::uintptr_t>, 256> readable_pages{};

// The kernel's answer. A requeue of nobody does nothing but compare the word with a value.
bool ask_kernel(std::uintptr_t page) noexcept {
  const int saved = errno;
  const auto word = static_cast<long>(page * page_size);
  const long result = real.syscall(SYS_futex, word, long{FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG}, 0L, 0L, word, 0L);
  const bool readable = result >= 0 || errno == EAGAIN;
  errno = saved;
  return readable;
}

bool is_readable_page(std::uintptr_t page) noexcept {
  if (page == 0) return false;  // also what an empty place holds
  auto& known = readable_pages[page % readable_pages.size()];
  if (known.load(std::memory_order_relaxed) == page) return true;
  if (!ask_kernel(page)) return false;
  known.store(page, std::memory_order_relaxed);
  return true;
}

// Writes what it asks about: the cheapest call that writes two words.
bool is_writable(void* two_words) noexcept {
  const int saved = errno;
  const bool writable = real.syscall(SYS_clock_getres, long{CLOCK_MONOTONIC}, two_words) == 0;
  errno = saved;
  return writable;
}

}  // namespace

bool is_readable(const void* address, std::size_t size) noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  const std::uintptr_t first_page = first / page_size, last_page = (first + size - 1) / page_size;
  return is_readable_page(first_page) && (last_page == first_page || is_readable_page(last_page));
}

bool is_timeout(const timespec* time) noexcept {
  return time == nullptr || (is_readable(time, sizeof *time) && is_valid(*time) && time->tv_sec >= 0);
}

bool give_time(timespec* to, timespec left) noexcept {
  if (!is_writable(to)) return false;
  *to = left;
  return true;
}

bool give_time(timespec* to, std::chrono::nanoseconds left) noexcept {
  constexpr long second = 1'000'000'000;
  const long rest = std::max<long>(left.count(), 0);
  return give_time(to, timespec{rest / second, rest % second});
}

void give_time(timeval* to, timeval left) noexcept {
  if (is_writable(to)) *to = left;
}

}  // namespace evergreen::patch
