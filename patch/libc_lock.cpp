// The locks that libc takes for itself: of streams, of the list of streams, of malloc, of static results. A greenlet
// holds one for long where it parks with it: in a read or write of a stream. So the others that want it must park too.
//
// The lock is an int: 0 free, 1 held, 2 held and perhaps waited for. libc takes and releases it in line, and comes here
// where it finds it held, or releases a 2.

#include <linux/futex.h>
#include <sys/syscall.h>

#include "patch/inside.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

constexpr int held_and_waited_for = 2;

// Whoever waits says so in the lock, also for those that wait beside it: it can't know that it is the last.
int try_lock(int* lock) noexcept {
  return __atomic_exchange_n(lock, held_and_waited_for, __ATOMIC_SEQ_CST) == 0 ? 0 : EBUSY;
}

void ask_kernel(int* lock, int operation, int value) noexcept {
  real.syscall(SYS_futex, lock, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

// Parks while another holds it. No cancellation point. Hub code and plain kernel threads wait in the kernel.
void inside::__lll_lock_wait_private(int* lock) noexcept {
  const int saved = errno;
  if (on_greenlet()) {
    try_then_park(lock, Sleeper::Kind::futex, "a lock of libc", Deadline::never(), [=] { return try_lock(lock); });
  } else {
    while (try_lock(lock) != 0) ask_kernel(lock, FUTEX_WAIT, held_and_waited_for);
  }
  errno = saved;
}

// One that is parked and one in the kernel: the latter may be the hub itself, which would never let the former run.
// The next to have the lock wakes the next of both.
void inside::__lll_lock_wake_private(int* lock) noexcept {
  const int saved = errno;
  if (started()) wake_futex(lock, 1, FUTEX_BITSET_MATCH_ANY);
  ask_kernel(lock, FUTEX_WAKE, 1);
  if (started()) let_beaten_go_first(lock);  // libc takes free locks past us: now is the time
  errno = saved;
}

}  // namespace evergreen::patch
