// Waiting for signals. Masks and pending signals are still the kernel thread's, not the greenlet's. What holds:
//
// Signals of the process that all its threads block, since before the first pthread_create, are waited for by signalfd
// and taken as libc would. A call that waits for a handler blocks its kernel thread, and ends when the kernel has that
// thread run one: always where the others block the signal (sigsuspend); where they do not, Linux prefers the process's
// first kernel thread, which is the main thread's only until it has first parked.

#include <sys/signalfd.h>

#include "patch/block_or_look.h"
#include "patch/blocking.h"
#include "patch/clock.h"
#include "patch/offload.h"
#include "patch/own_descriptor.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// attempt() is sigtimedwait with a time of zero; it fails with EAGAIN where no signal of `set` is pending.
template <class Attempt>
int park_until_pending(const sigset_t* set, const char* why, Deadline deadline, Attempt attempt) {
  const OwnDescriptor pending(signalfd(-1, set, SFD_CLOEXEC));
  for (;;) {
    if (pending.is_open()) {
      core::wait_fd(pending.fd(), Direction::read, why, deadline);
    } else {
      sleep_a_little(why, deadline);
    }
    const int result = attempt();
    if (result >= 0 || errno != EAGAIN || deadline.has_passed()) return result;
  }
}

int wait_for_signal(const sigset_t* set, siginfo_t* information, Deadline deadline, const char* why) {
  const KeepErrno keep;
  const auto attempt = [=] {
    constexpr timespec at_once{};
    return real.sigtimedwait(set, information, &at_once);
  };
  const int result = attempt();
  if (result >= 0 || errno != EAGAIN) return keep(result);
  return keep(park_until_pending(set, why, deadline, attempt));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks until a signal is pending. Cancellation point. Returns its errors.
SHIM int sigwait(const sigset_t* set, int* signal) {
  if (!on_greenlet()) return real.sigwait(set, signal);
  const int result = wait_for_signal(set, nullptr, Deadline::never(), "sigwait");
  if (result < 0) return errno;
  *signal = result;
  return 0;
}

// Parks until a signal is pending. Cancellation point.
SHIM int sigwaitinfo(const sigset_t* set, siginfo_t* information) {
  if (!on_greenlet()) return real.sigwaitinfo(set, information);
  return wait_for_signal(set, information, Deadline::never(), "sigwaitinfo");
}

// Parks until a signal is pending. Cancellation point.
SHIM int sigtimedwait(const sigset_t* set, siginfo_t* information, const timespec* timeout) {
  if (!on_greenlet() || !is_timeout(timeout)) return real.sigtimedwait(set, information, timeout);
  const Deadline deadline = deadline_in(timeout);
  return wait_for_signal(set, information, deadline, "sigtimedwait");
}

// Blocks a kernel thread of its own until that has run a handler. Cancellation point.
SHIM int pause() {
  return offloaded([] { return real.pause(); });
}

// Blocks a kernel thread of its own until that has run a handler. Cancellation point.
SHIM int sigsuspend(const sigset_t* mask) {
  return offloaded([=] { return real.sigsuspend(mask); });
}

SHIM int __sigsuspend(const sigset_t* mask) { return sigsuspend(mask); }
