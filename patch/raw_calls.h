// How the arguments of syscall() become those of libc's functions.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "patch/fd_traits.h"
#include "patch/offload.h"
#include "patch/shim.h"

namespace evergreen::patch {

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

inline long ask_kernel(long number, Arguments given) noexcept {
  return real.syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

// The argument at that place is a thread's id, which translate() makes the kernel's.
template <long number, std::size_t place, pid_t (*translate)(pid_t) noexcept>
long with_kernel_id(Arguments given) noexcept {
  std::array<long, 6> for_kernel = given;
  for_kernel[place] = translate(static_cast<pid_t>(given[place]));
  return ask_kernel(number, for_kernel);
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

// A call without a shim of its own, which blocks nearly always.
template <long number>
long on_another_carrier(Arguments given) noexcept {
  return offloaded([given] { return ask_kernel(number, given); });
}

// Calls that differ from libc's functions of the same name.
long raw_clock_nanosleep(Arguments given) noexcept;
long raw_preadv2(Arguments given) noexcept;
long raw_pwritev2(Arguments given) noexcept;
long raw_fcntl(Arguments given) noexcept;
long raw_ioctl(Arguments given) noexcept;
long raw_mremap(Arguments given) noexcept;
long raw_prctl(Arguments given) noexcept;
long raw_getpriority(Arguments given) noexcept;
long raw_sched_getaffinity(Arguments given) noexcept;
long raw_ppoll(Arguments given) noexcept;
long raw_pselect(Arguments given) noexcept;
long raw_select(Arguments given) noexcept;
long raw_epoll_pwait(Arguments given) noexcept;
long raw_epoll_pwait2(Arguments given) noexcept;
long raw_waitid(Arguments given) noexcept;
long raw_fork(Arguments given) noexcept;
long raw_clone(Arguments given) noexcept;
long raw_clone3(Arguments given) noexcept;
long raw_open(Arguments given) noexcept;
long raw_openat(Arguments given) noexcept;
long raw_sync(Arguments given) noexcept;
long raw_futex(Arguments given) noexcept;

}  // namespace evergreen::patch
