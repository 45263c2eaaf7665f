// Waiting for signals. What is for this greenlet alone is in its PendingSignals; what is for the process and blocked by
// all its greenlets the kernel has: a signalfd tells when there is some, and it is taken as libc would.

#include <sys/signalfd.h>

#include "patch/blocking.h"
#include "patch/clock.h"
#include "patch/interruption.h"
#include "patch/own_descriptor.h"
#include "patch/running_mask.h"
#include "patch/thread.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

using Restarts = Interruption::Restarts;

// As long as the kernel's.
bool is_set(const sigset_t* set) noexcept { return is_readable(set, sizeof(std::uint64_t)); }

// While it lasts a signal of the set wakes the greenlet, though it is blocked.
class Awaiting {
 public:
  explicit Awaiting(const sigset_t& set) noexcept { set_to(mask_of(set)); }
  ~Awaiting() { set_to(0); }
  Awaiting(const Awaiting&) = delete;
  Awaiting& operator=(const Awaiting&) = delete;

 private:
  static void set_to(std::uint64_t set) noexcept {
    const core::Runtime runtime;
    Thread::running().signals.await(set);
  }
};

bool take_own(const sigset_t& set, siginfo_t& information) noexcept {
  const core::Runtime runtime;
  return Thread::running().signals.take(mask_of(set), information);
}

// Parks until a signal of the set may be pending. Returns 0 or EINTR.
int park_until_pending(const OwnDescriptor& of_process, const char* why, Restarts restarts, Deadline deadline) {
  const Interruption interruption(restarts);
  const Deadline until =
      of_process.is_open() ? deadline : std::min(deadline, Deadline::in(std::chrono::milliseconds(1)));
  const core::Wake wake = of_process.is_open() ? core::wait_fd(of_process.fd(), Direction::read, why, until)
                                               : core::sleep_until(until, why);
  return interruption.after(wake);
}

// As sigtimedwait, which fails with EAGAIN where no signal of `set` is pending in time.
int wait_for_signal(const sigset_t* set, siginfo_t* information, Deadline deadline, const char* why,
                    Restarts restarts) {
  pthread_testcancel();
  const KeepErrno keep;
  const auto attempt = [=] {
    constexpr timespec at_once{};
    siginfo_t own;
    if (!take_own(*set, own)) return real.sigtimedwait(set, information, &at_once);
    if (own.si_code == SI_TKILL) own.si_code = SI_USER;  // as libc does
    if (information != nullptr) *information = own;
    return own.si_signo;
  };
  const int at_first = attempt();
  if (at_first >= 0 || errno != EAGAIN || deadline.has_passed()) return keep(at_first);
  const Awaiting awaiting(*set);
  const OwnDescriptor of_process(signalfd(-1, set, SFD_CLOEXEC));
  for (;;) {
    const int result = attempt();
    if (result >= 0 || errno != EAGAIN || deadline.has_passed()) return keep(result);
    if (const int error = park_until_pending(of_process, why, restarts, deadline)) return fail(error);
  }
}

// Parks until a handler has run. Cancellation point.
int wait_for_handler(const sigset_t* mask, const char* why) {
  pthread_testcancel();
  const Interruption interruption(Restarts::never);
  const TemporarySignalMask let_in(mask);
  while (!interruption.has_come()) {
    {
      // No handler runs from here to the park, or it would be missed.
      const core::Runtime runtime;
      core::prepare_to_park(*core::current, core::Hears::cancellation);
      if (!interruption.has_come()) core::park(*core::current, why, Deadline::never());
    }
    pthread_testcancel();
  }
  return fail(EINTR);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks until a signal is pending. Cancellation point. Returns its errors.
SHIM int sigwait(const sigset_t* set, int* signal) {
  if (!on_greenlet() || !is_set(set)) return real.sigwait(set, signal);
  int result;
  do {
    result = wait_for_signal(set, nullptr, Deadline::never(), "sigwait", Restarts::if_asked);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return errno;
  *signal = result;
  return 0;
}

// Parks until a signal is pending. Cancellation point.
SHIM int sigwaitinfo(const sigset_t* set, siginfo_t* information) {
  if (!on_greenlet() || !is_set(set)) return real.sigwaitinfo(set, information);
  return wait_for_signal(set, information, Deadline::never(), "sigwaitinfo", Restarts::never);
}

// Parks until a signal is pending. Cancellation point.
SHIM int sigtimedwait(const sigset_t* set, siginfo_t* information, const timespec* timeout) {
  if (!on_greenlet() || !is_set(set) || !is_timeout(timeout)) return real.sigtimedwait(set, information, timeout);
  const Deadline deadline = deadline_in(timeout);
  return wait_for_signal(set, information, deadline, "sigtimedwait", Restarts::never);
}

// Parks until a handler has run. Cancellation point.
SHIM int pause() { return on_greenlet() ? wait_for_handler(nullptr, "pause") : real.pause(); }

// Parks until a handler has run. Cancellation point.
SHIM int sigsuspend(const sigset_t* mask) {
  return on_greenlet() && is_set(mask) ? wait_for_handler(mask, "sigsuspend") : real.sigsuspend(mask);
}

SHIM int __sigsuspend(const sigset_t* mask) { return sigsuspend(mask); }
