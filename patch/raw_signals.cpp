#include "patch/raw_signals.h"

#include <cstring>

#include "patch/running_mask.h"
#include "patch/signals.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

constexpr long kernel_set_size = 8;

template <class T>
T* pointer(long given) noexcept {
  return reinterpret_cast<T*>(given);
}

bool is_sound(long set, long size) noexcept {
  return size == kernel_set_size && is_readable(pointer<const void>(set), kernel_set_size);
}

sigset_t set_at(long address) noexcept {
  std::uint64_t mask;
  std::memcpy(&mask, pointer<const void>(address), sizeof mask);
  return set_of(mask);
}

bool store(long address, const sigset_t& set) noexcept {
  if (!is_readable(pointer<const void>(address), kernel_set_size)) return false;
  const std::uint64_t mask = mask_of(set);
  std::memcpy(pointer<void>(address), &mask, sizeof mask);
  return true;
}

}  // namespace

long raw_sigprocmask(Arguments given) noexcept {
  const bool sets = given[1] != 0, sound = given[3] == kernel_set_size && (!sets || is_sound(given[1], given[3]));
  if (!on_greenlet() || !sound) return ask_kernel(SYS_rt_sigprocmask, given);
  const sigset_t set = sets ? set_at(given[1]) : sigset_t{};
  sigset_t before;
  if (::sigprocmask(static_cast<int>(given[0]), sets ? &set : nullptr, &before) != 0) return -1;
  return given[2] == 0 || store(given[2], before) ? 0 : fail<long>(EFAULT);
}

long raw_sigpending(Arguments given) noexcept {
  if (!on_greenlet() || given[1] != kernel_set_size) return ask_kernel(SYS_rt_sigpending, given);
  sigset_t set;
  return ::sigpending(&set) == 0 && store(given[0], set) ? 0 : fail<long>(EFAULT);
}

long raw_sigsuspend(Arguments given) noexcept {
  if (!on_greenlet() || !is_sound(given[0], given[1])) return ask_kernel(SYS_rt_sigsuspend, given);
  const sigset_t mask = set_at(given[0]);
  return ::sigsuspend(&mask);
}

// libc's function reads no more of the set than the kernel.
long raw_sigtimedwait(Arguments given) noexcept {
  const bool sound = given[3] == kernel_set_size && given[0] != 0;
  if (!on_greenlet() || !sound) return ask_kernel(SYS_rt_sigtimedwait, given);
  return same<sigtimedwait>(given);
}

// Codes that only the kernel gives are refused to others than the process itself.
long raw_sigqueueinfo(Arguments given) noexcept {
  const int signal = static_cast<int>(given[1]);
  const bool is_own = on_greenlet() && static_cast<pid_t>(given[0]) == getpid() && signal >= 1 && signal <= SIGRTMAX;
  if (!is_own || !is_readable(pointer<const void>(given[2]), sizeof(siginfo_t))) {
    return ask_kernel(SYS_rt_sigqueueinfo, given);
  }
  siginfo_t information = *pointer<const siginfo_t>(given[2]);
  information.si_signo = signal;
  return send_to_process(information) ? 0 : ask_kernel(SYS_rt_sigqueueinfo, given);
}

long raw_tkill(Arguments given) noexcept {
  const int error = send_by_id(static_cast<pid_t>(given[0]), static_cast<int>(given[1]), nullptr);
  if (error < 0) return ask_kernel(SYS_tkill, given);
  return error == 0 ? 0 : fail<long>(error);
}

long raw_tgsigqueueinfo(Arguments given) noexcept {
  const bool is_own = static_cast<pid_t>(given[0]) == getpid();
  if (!is_own || !is_readable(pointer<const void>(given[3]), sizeof(siginfo_t))) {
    return ask_kernel(SYS_rt_tgsigqueueinfo, given);
  }
  siginfo_t information = *pointer<const siginfo_t>(given[3]);
  information.si_signo = static_cast<int>(given[2]);
  const int error = send_by_id(static_cast<pid_t>(given[1]), information.si_signo, &information);
  if (error < 0) return ask_kernel(SYS_rt_tgsigqueueinfo, given);
  return error == 0 ? 0 : fail<long>(error);
}

}  // namespace evergreen::patch
