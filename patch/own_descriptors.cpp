#include "patch/own_descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>

#include "patch/fd_traits.h"
#include "patch/uncancelled.h"

namespace evergreen::patch {
namespace {

// Not the highest of all: the kernel's table of descriptors is as long as the highest number in use.
constexpr rlim_t preferred = 4000, room = 64;

constinit std::array<std::atomic<std::uint64_t>, guarded_limit / 64> guarded{};  // a bit a number

int first_number() noexcept {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) files.rlim_cur = preferred;
  return static_cast<int>(std::min<rlim_t>(preferred, files.rlim_cur > 2 * room ? files.rlim_cur - room : 0));
}

std::atomic<std::uint64_t>& word_of(int fd) noexcept { return guarded[static_cast<std::size_t>(fd / 64)]; }

std::uint64_t bit_of(int fd) noexcept { return std::uint64_t{1} << (fd % 64); }

// libev and the hub make theirs inside the hub.
int made(int fd) noexcept {
  if (fd >= 0 && core::in_runtime) return move_out_of_the_way(fd);
  note_new(fd);
  return fd;
}

// Calls function(fd) for each open descriptor, in any order. errno is not kept.
template <class Function>
void for_each_descriptor(Function function) noexcept {
  constexpr long flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const int directory = static_cast<int>(real.syscall(SYS_openat, long{AT_FDCWD}, "/proc/self/fd", flags, 0L));
  alignas(dirent64) char buffer[4096];
  for (ssize_t size; (size = getdents64(directory, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      const int fd = std::atoi(entry->d_name);  // "." and "..": 0
      if (fd != directory) function(fd);
      at += entry->d_reclen;
    }
  }
  if (directory >= 0) close_uncancelled(directory);
}

}  // namespace

int count_for_kernel(int count) noexcept {
  if (count <= FD_SETSIZE) return count;
  const int saved = errno;
  int highest = FD_SETSIZE - 1;
  for_each_descriptor([&](int fd) {
    if (!is_guarded(fd)) highest = std::max(highest, fd);
  });
  errno = saved;
  return std::min(count, highest + 1);
}

void guard_descriptor(int fd) noexcept {
  if (fd >= 0 && fd < guarded_limit) word_of(fd).fetch_or(bit_of(fd));
}

void unguard_descriptor(int fd) noexcept {
  if (fd >= 0 && fd < guarded_limit) word_of(fd).fetch_and(~bit_of(fd));
}

bool is_guarded(int fd) noexcept {
  return fd >= 0 && fd < guarded_limit && (word_of(fd).load(std::memory_order_relaxed) & bit_of(fd)) != 0;
}

void close_guarded_descriptors() noexcept {
  for (int first = 0; first < guarded_limit; first += 64) {
    if (word_of(first).load() == 0) continue;  // the page need not be copied
    for (std::uint64_t bits = word_of(first).exchange(0); bits != 0; bits &= bits - 1) {
      close_uncancelled(first + std::countr_zero(bits));
    }
  }
}

int move_out_of_the_way(int fd) noexcept {
  const int high = real.fcntl(fd, F_DUPFD_CLOEXEC, first_number());
  if (high >= 0) close_uncancelled(fd);
  const int result = high >= 0 ? high : fd;
  guard_descriptor(result);
  return result;
}

int move_out_of_the_way_or_close(int fd) noexcept {
  if (fd < 0) return -1;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const auto first = static_cast<int>(std::min<rlim_t>(preferred, files.rlim_cur / 4 * 3));  // there may be many
  const int high = real.fcntl(fd, F_DUPFD_CLOEXEC, first);
  close_uncancelled(fd);
  guard_descriptor(high);
  return high;
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int epoll_create1(int flags) noexcept { return made(real.epoll_create1(flags)); }

SHIM int eventfd(unsigned count, int flags) noexcept { return made(real.eventfd(count, flags)); }

SHIM int timerfd_create(clockid_t clock, int flags) noexcept { return made(real.timerfd_create(clock, flags)); }

// libev takes these errors for a bug of its user and ends the program. But another thread may have closed the
// descriptor behind our back, or it is an epoll instance too deep. ENOSPC it reports (Descriptors).
SHIM int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  const int result = real.epoll_ctl(epoll, operation, fd, event);
  if (result < 0 && core::in_runtime && (errno == EBADF || errno == ELOOP || errno == EINVAL)) errno = ENOSPC;
  return result;
}
