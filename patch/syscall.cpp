// libc's syscall(): what blocks, and what gives a descriptor's number another meaning, goes the way of libc's function
// for the same call; everything else goes to the kernel.

#include <sys/syscall.h>

#include <array>
#include <cstdarg>
#include <iterator>
#include <type_traits>
#include <utility>

#include "patch/clock.h"
#include "patch/fd_traits.h"
#include "patch/futex.h"
#include "patch/shim.h"
#include "patch/thread_id.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

using Arguments = const std::array<long, 6>&;
using Handler = long (*)(Arguments) noexcept;

template <class To>
To argument(long value) noexcept {
  if constexpr (std::is_pointer_v<To>) {
    return reinterpret_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class Result, class... To, std::size_t... i>
long call(Result (*function)(To...), Arguments given, std::index_sequence<i...>) noexcept {
  const Result result = function(argument<To>(given[i])...);
  if constexpr (std::is_pointer_v<Result>) {
    return reinterpret_cast<long>(result);
  } else {
    return static_cast<long>(result);
  }
}

template <class Result, class... To>
long call(Result (*function)(To...), Arguments given) noexcept {
  return call(function, given, std::index_sequence_for<To...>());
}

// A call that means the same to the kernel as to libc.
template <auto function>
long same(Arguments given) noexcept {
  return call(function, given);
}

long ask_kernel(long number, Arguments given) noexcept {
  return real.syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

// libc's function returns the error.
long raw_clock_nanosleep(Arguments given) noexcept {
  const int error = static_cast<int>(same<clock_nanosleep>(given));
  return error == 0 ? 0 : fail(error);
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

// A call that makes a descriptor, and that libc's own function passes on as it is.
template <long number>
long makes_descriptor(Arguments given) noexcept {
  const long fd = ask_kernel(number, given);
  note_new(static_cast<int>(fd));
  return fd;
}

// On a descriptor that there is it only sets another mask.
template <long number>
long raw_signalfd(Arguments given) noexcept {
  return static_cast<int>(given[0]) == -1 ? makes_descriptor<number>(given) : ask_kernel(number, given);
}

constexpr long kernel_mask_size = 8;  // of a signal mask; libc's is longer

bool is_mask(long mask, long size) noexcept { return mask == 0 || size == kernel_mask_size; }

bool is_timeout(const timespec* time) noexcept {
  return time == nullptr || (is_readable(time, sizeof *time) && is_valid(*time) && time->tv_sec >= 0);
}

// The argument at that place is a thread's id, which translate() makes the kernel's.
template <long number, std::size_t place, pid_t (*translate)(pid_t) noexcept>
long with_kernel_id(Arguments given) noexcept {
  std::array<long, 6> for_kernel = given;
  for_kernel[place] = translate(static_cast<pid_t>(given[place]));
  return ask_kernel(number, for_kernel);
}

long raw_getpriority(Arguments given) noexcept {
  return static_cast<int>(given[0]) == PRIO_PROCESS ? with_kernel_id<SYS_getpriority, 1, id_to_ask_about>(given)
                                                    : ask_kernel(SYS_getpriority, given);
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

long raw_select(Arguments given) noexcept {
  const auto* timeout = argument<const timeval*>(given[4]);
  if (!on_greenlet() || (timeout != nullptr && !is_readable(timeout, sizeof *timeout))) {
    return ask_kernel(SYS_select, given);
  }
  return same<select>(given);
}

long raw_epoll_pwait(Arguments given) noexcept {
  return is_mask(given[4], given[5]) ? same<epoll_pwait>(given) : ask_kernel(SYS_epoll_pwait, given);
}

long raw_futex(Arguments given) noexcept { return futex(given[0], given[1], given[2], given[3], given[4], given[5]); }

constexpr std::pair<long, Handler> handled[] = {
    {SYS_futex, raw_futex},
    // Descriptors
    {SYS_read, same<read>},
    {SYS_readv, same<readv>},
    {SYS_write, same<write>},
    {SYS_writev, same<writev>},
    {SYS_recvfrom, same<recvfrom>},
    {SYS_recvmsg, same<recvmsg>},
    {SYS_sendto, same<sendto>},
    {SYS_sendmsg, same<sendmsg>},
    {SYS_accept, same<accept>},
    {SYS_accept4, same<accept4>},
    {SYS_connect, same<connect>},
    {SYS_close, same<close>},
    {SYS_close_range, same<close_range>},
    {SYS_dup, same<dup>},
    {SYS_dup2, same<dup2>},
    {SYS_dup3, same<dup3>},
    {SYS_fcntl, raw_fcntl},
    {SYS_ioctl, raw_ioctl},
    {SYS_setsockopt, same<setsockopt>},
    {SYS_socket, makes_descriptor<SYS_socket>},
    {SYS_socketpair, same<socketpair>},
    {SYS_pipe, same<pipe>},
    {SYS_pipe2, same<pipe2>},
    {SYS_eventfd, makes_descriptor<SYS_eventfd>},
    {SYS_eventfd2, makes_descriptor<SYS_eventfd2>},
    {SYS_timerfd_create, makes_descriptor<SYS_timerfd_create>},
    {SYS_signalfd, raw_signalfd<SYS_signalfd>},
    {SYS_signalfd4, raw_signalfd<SYS_signalfd4>},
    {SYS_inotify_init, makes_descriptor<SYS_inotify_init>},
    {SYS_inotify_init1, makes_descriptor<SYS_inotify_init1>},
    {SYS_fanotify_init, makes_descriptor<SYS_fanotify_init>},
    {SYS_memfd_create, makes_descriptor<SYS_memfd_create>},
    {SYS_pidfd_open, makes_descriptor<SYS_pidfd_open>},
    {SYS_pidfd_getfd, same<pidfd_getfd>},
    {SYS_epoll_create, makes_descriptor<SYS_epoll_create>},
    {SYS_epoll_create1, makes_descriptor<SYS_epoll_create1>},
    {SYS_mq_open, makes_descriptor<SYS_mq_open>},
    {SYS_openat2, makes_descriptor<SYS_openat2>},
    {SYS_open_by_handle_at, makes_descriptor<SYS_open_by_handle_at>},
    {SYS_perf_event_open, makes_descriptor<SYS_perf_event_open>},
    {SYS_userfaultfd, makes_descriptor<SYS_userfaultfd>},
    {SYS_io_uring_setup, makes_descriptor<SYS_io_uring_setup>},
    {SYS_poll, same<poll>},
    {SYS_ppoll, raw_ppoll},
    {SYS_select, raw_select},
    {SYS_pselect6, raw_pselect},
    {SYS_epoll_wait, same<epoll_wait>},
    {SYS_epoll_pwait, raw_epoll_pwait},
    // Time
    {SYS_nanosleep, same<nanosleep>},
    {SYS_clock_nanosleep, raw_clock_nanosleep},
    {SYS_sched_yield, same<sched_yield>},
    // Threads
    {SYS_gettid, same<gettid>},
    {SYS_tgkill, same<tgkill>},
    {SYS_tkill, with_kernel_id<SYS_tkill, 0, id_to_signal>},
    {SYS_rt_tgsigqueueinfo, with_kernel_id<SYS_rt_tgsigqueueinfo, 1, id_to_signal>},
    {SYS_sched_getaffinity, with_kernel_id<SYS_sched_getaffinity, 0, id_to_ask_about>},
    {SYS_sched_setaffinity, same<sched_setaffinity>},
    {SYS_sched_getscheduler, same<sched_getscheduler>},
    {SYS_sched_setscheduler, same<sched_setscheduler>},
    {SYS_sched_getparam, same<sched_getparam>},
    {SYS_sched_setparam, same<sched_setparam>},
    {SYS_sched_rr_get_interval, same<sched_rr_get_interval>},
    {SYS_getpriority, raw_getpriority},
    {SYS_setpriority, same<setpriority>},
    // Memory that other processes may reach
    {SYS_mmap, same<mmap>},
    {SYS_munmap, same<munmap>},
    {SYS_mremap, raw_mremap},
    {SYS_shmat, same<shmat>},
    {SYS_shmdt, same<shmdt>},
};

// By number; nullptr for the kernel's.
constexpr auto handlers = [] {
  std::array<Handler, 512> by_number{};
  for (const auto& [number, handler] : handled) by_number[static_cast<std::size_t>(number)] = handler;
  return by_number;
}();

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// What libc's own does: six arguments are fetched, whatever was given. A real va_list, not six named parameters: the
// seventh word is on the caller's stack, and a tail call would write it back there, where it may be a variable that
// another thread has changed meanwhile.
SHIM long syscall(long number, ...) noexcept {
  std::va_list rest;
  va_start(rest, number);
  const long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long),
             e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  if (started() && number >= 0 && number < std::ssize(handlers)) {
    const Handler handler = handlers[static_cast<std::size_t>(number)];
    if (handler != nullptr) return handler({a, b, c, d, e, f});
  }
  return real.syscall(number, a, b, c, d, e, f);
}
