// Calls that give a descriptor's number another meaning, or change how it behaves; and fcntl's locks on files.

#include <linux/close_range.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "patch/blocking.h"
#include "patch/fd_traits.h"
#include "patch/offload.h"
#include "patch/own_descriptors.h"
#include "patch/uncancelled.h"

namespace evergreen::patch {
namespace {

int duplicated(int fd) noexcept {
  note_duplicate(fd);
  return fd;
}

// At a number that the kernel has chosen.
int new_duplicate(int fd) noexcept {
  note_new(fd);
  return duplicated(fd);
}

// dup2 closes `to`, but only if it succeeds.
template <class Dup>
int duplicated_to(int from, int to, Dup dup) noexcept {
  if (started() && is_guarded(to)) return fail(EBADF);
  const bool closes = started() && from != to && real.fcntl(from, F_GETFD) >= 0;
  return duplicated(closes ? note_gone_around(to, dup) : dup());
}

// In pieces, where descriptors of ours lie in between.
int close_range_around_ours(unsigned first, unsigned last, int flags) noexcept {
  if (first > last) return real.close_range(first, last, flags);  // EINVAL
  for (unsigned fd = first; fd <= std::min<unsigned>(last, guarded_limit - 1); ++fd) {
    if (!is_guarded(static_cast<int>(fd))) continue;
    if (fd > first && real.close_range(first, fd - 1, flags) != 0) return -1;
    first = fd + 1;
  }
  return first <= last ? real.close_range(first, last, flags) : 0;
}

// Waits for other processes, or other open file descriptions. Only the command that waits finds a deadlock.
template <class Call>
int lock_by_fcntl(Call call, int fd, int command, long argument) {
  const int attempt = command == F_SETLKW ? F_SETLK : F_OFD_SETLK;
  return try_then_offload([=] { return call(fd, attempt, argument); }, [=] { return call(fd, command, argument); });
}

template <class Call>
int noted_fcntl(Call call, int fd, int command, long argument) {
  if (started() && is_guarded(fd) && !core::in_runtime) return fail(EBADF);
  if ((command == F_SETLKW || command == F_OFD_SETLKW) && on_greenlet()) {
    return lock_by_fcntl(call, fd, command, argument);
  }
  const int result = call(fd, command, argument);
  if (command == F_SETFL) note_changed(fd);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) new_duplicate(result);
  if (command == F_DUPFD_CLOEXEC && core::in_runtime) guard_descriptor(result);  // a carrier's
  return result;
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Cancellation point, before anything has been done.
SHIM int close(int fd) {
  if (!started()) {
    forget_traits(fd);
    return real.close(fd);
  }
  if (is_guarded(fd)) {
    if (!core::in_runtime) return fail(EBADF);
    unguard_descriptor(fd);
  }
  if (!core::in_runtime) pthread_testcancel();
  // May wait: SO_LINGER, network file systems.
  return note_gone_around(fd, [fd, caller = __builtin_return_address(0)] {
    return offloaded(core::call_site(caller), [fd] { return native(real.close, SYS_close, fd); });
  });
}

SHIM int __close(int fd) { return close(fd); }

SHIM int close_range(unsigned first, unsigned last, int flags) noexcept {
  const bool closes = (flags & static_cast<int>(CLOSE_RANGE_CLOEXEC)) == 0 && first <= last;
  if (!started()) return real.close_range(first, last, flags);
  const auto call = [=] { return close_range_around_ours(first, last, flags); };
  return closes ? note_gone_range_around(first, last, call) : call();
}

SHIM void closefrom(int first) noexcept {
  if (!started()) return real.closefrom(first);
  const unsigned from = first < 0 ? 0 : static_cast<unsigned>(first);
  note_gone_range_around(from, ~0U, [from] { return close_range_around_ours(from, ~0U, 0); });
}

SHIM int dup(int fd) noexcept { return new_duplicate(real.dup(fd)); }

SHIM int dup2(int from, int to) noexcept {
  return duplicated_to(from, to, [=] { return real.dup2(from, to); });
}

SHIM int __dup2(int from, int to) { return dup2(from, to); }

SHIM int dup3(int from, int to, int flags) noexcept {
  return duplicated_to(from, to, [=] { return real.dup3(from, to, flags); });
}

// Variadic in C, for at most one argument that is at most a long wide. On x86-64 that one is passed like a named one.
SHIM int evergreen_fcntl(int fd, int command, long argument) asm("fcntl");
SHIM int evergreen_fcntl(int fd, int command, long argument) { return noted_fcntl(real.fcntl, fd, command, argument); }

SHIM int evergreen___fcntl(int fd, int command, long argument) asm("__fcntl");
SHIM int evergreen___fcntl(int fd, int command, long argument) {
  return noted_fcntl(real.fcntl, fd, command, argument);
}

SHIM int evergreen_fcntl64(int fd, int command, long argument) asm("fcntl64");
SHIM int evergreen_fcntl64(int fd, int command, long argument) {
  return noted_fcntl(real.fcntl64, fd, command, argument);
}

SHIM int evergreen_ioctl(int fd, unsigned long request, long argument) asm("ioctl");
SHIM int evergreen_ioctl(int fd, unsigned long request, long argument) {
  const int result =
      offloaded(core::call_site(__builtin_return_address(0)), [=] { return real.ioctl(fd, request, argument); });
  if (request == FIONBIO) note_changed(fd);
  return result;
}

SHIM int setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  const int result = real.setsockopt(fd, level, option, value, size);
  const bool waits = option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVLOWAT;
  if (level == SOL_SOCKET && waits) note_changed(fd);
  if (level == IPPROTO_TCP && option == TCP_FASTOPEN_CONNECT) sends_may_open.store(true, std::memory_order_relaxed);
  return result;
}
