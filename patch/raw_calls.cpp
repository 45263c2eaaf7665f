#include "patch/raw_calls.h"

#include <sys/syscall.h>

#include "patch/clock.h"
#include "patch/futex.h"
#include "patch/thread_id.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

constexpr long kernel_mask_size = 8;  // of a signal mask; libc's is longer

// Where the kernel would refuse it, the call does not even begin.
bool is_mask(long mask, long size) noexcept {
  return mask == 0 || (size == kernel_mask_size && is_readable(argument<const void*>(mask), kernel_mask_size));
}

// Calls wait(), and gives back what is left of the timeout, which libc's functions keep to themselves.
template <class Wait>
long with_time_left(timespec* timeout, Wait wait) noexcept {
  if (timeout == nullptr) return wait();
  const Deadline deadline = Deadline::in(length_of(*timeout));
  const long result = wait();
  if (!deadline.is_never()) give_time(timeout, deadline.when() - Deadline::Clock::now());
  return result;
}

}  // namespace

// libc's function returns the error.
long raw_clock_nanosleep(Arguments given) noexcept {
  if (static_cast<clockid_t>(given[0]) == CLOCK_THREAD_CPUTIME_ID) return ask_kernel(SYS_clock_nanosleep, given);
  const int error = static_cast<int>(same<clock_nanosleep>(given));
  return error == 0 ? 0 : fail(error);
}

// The kernel takes the position in two halves, for the sake of 32 bits; here the second one means nothing.
long raw_preadv2(Arguments given) noexcept { return same<preadv2>({given[0], given[1], given[2], given[3], given[5]}); }

long raw_pwritev2(Arguments given) noexcept {
  return same<pwritev2>({given[0], given[1], given[2], given[3], given[5]});
}

// What libc makes of F_GETOWN is not what the kernel says.
long raw_fcntl(Arguments given) noexcept {
  if (static_cast<int>(given[1]) == F_GETOWN) return ask_kernel(SYS_fcntl, given);
  return ::fcntl(static_cast<int>(given[0]), static_cast<int>(given[1]), given[2]);
}

long raw_ioctl(Arguments given) noexcept {
  return ::ioctl(static_cast<int>(given[0]), static_cast<unsigned long>(given[1]), given[2]);
}

long raw_mremap(Arguments given) noexcept {
  return reinterpret_cast<long>(::mremap(argument<void*>(given[0]), static_cast<std::size_t>(given[1]),
                                         static_cast<std::size_t>(given[2]), static_cast<int>(given[3]),
                                         argument<void*>(given[4])));
}

long raw_ppoll(Arguments given) noexcept {
  auto* timeout = argument<timespec*>(given[2]);
  if (!on_greenlet() || !is_timeout(timeout) || !is_mask(given[3], given[4])) return ask_kernel(SYS_ppoll, given);
  return with_time_left(timeout, [given] { return same<ppoll>(given); });
}

// The sixth argument points to the mask and its size.
long raw_pselect(Arguments given) noexcept {
  auto* timeout = argument<timespec*>(given[4]);
  const auto* mask_and_size = argument<const long*>(given[5]);
  const bool sound =
      is_timeout(timeout) && (mask_and_size == nullptr || (is_readable(mask_and_size, 2 * sizeof *mask_and_size) &&
                                                           is_mask(mask_and_size[0], mask_and_size[1])));
  if (!on_greenlet() || !sound) return ask_kernel(SYS_pselect6, given);
  std::array<long, 6> for_libc = given;
  for_libc[5] = mask_and_size == nullptr ? 0 : mask_and_size[0];
  return with_time_left(timeout, [for_libc] { return same<pselect>(for_libc); });
}

// Whether libc makes the same of it as the kernel.
bool is_usual(const timeval& time) noexcept {
  return time.tv_sec >= 0 && time.tv_usec >= 0 && time.tv_usec < 1'000'000 && (time.tv_sec != 0 || time.tv_usec != 0);
}

// Unlike libc's function, the kernel does not mind a timeout that cannot be written.
long raw_select(Arguments given) noexcept {
  auto* timeout = argument<timeval*>(given[4]);
  const bool sound = timeout == nullptr || (is_readable(timeout, sizeof *timeout) && is_usual(*timeout));
  if (!on_greenlet() || !sound) return ask_kernel(SYS_select, given);
  if (timeout == nullptr) return same<select>(given);
  timeval left = *timeout;
  std::array<long, 6> for_libc = given;
  for_libc[4] = reinterpret_cast<long>(&left);
  const long result = same<select>(for_libc);
  give_time(timeout, left);
  return result;
}

long raw_epoll_pwait(Arguments given) noexcept {
  return is_mask(given[4], given[5]) ? same<epoll_pwait>(given) : ask_kernel(SYS_epoll_pwait, given);
}

long raw_epoll_pwait2(Arguments given) noexcept {
  return is_mask(given[4], given[5]) ? same<epoll_pwait2>(given) : ask_kernel(SYS_epoll_pwait2, given);
}

// What libc's function keeps to itself is the resource usage, and what it says is whose status it was.
long raw_waitid(Arguments given) noexcept {
  if (given[4] == 0) return same<waitid>(given);
  return offloaded([given] { return ask_kernel(SYS_waitid, given); });
}

// The mode is an argument like the others.
long raw_open(Arguments given) noexcept {
  return ::open(argument<const char*>(given[0]), static_cast<int>(given[1]), static_cast<mode_t>(given[2]));
}

long raw_openat(Arguments given) noexcept {
  return ::openat(static_cast<int>(given[0]), argument<const char*>(given[1]), static_cast<int>(given[2]),
                  static_cast<mode_t>(given[3]));
}

long raw_sync(Arguments) noexcept {
  ::sync();
  return 0;
}

long raw_futex(Arguments given) noexcept { return futex(given[0], given[1], given[2], given[3], given[4], given[5]); }

}  // namespace evergreen::patch
