#include "patch/cancel.h"

#include <signal.h>
#include <sys/syscall.h>

#include "greenlet/cancellation.h"
#include "hub/core/notify.h"
#include "patch/shim.h"
#include "patch/signals.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

constexpr int cancel_signal = 32;     // libc's SIGCANCEL, which it lets no program have
constexpr std::size_t mask_size = 8;  // the kernel's

using Handler = void (*)(int, siginfo_t*, void*);

// The kernel's struct sigaction.
struct KernelAction {
  Handler handler;
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};

constinit Handler libc_handler = nullptr;

void no_kick(pid_t, int) noexcept {}

// Unwinds whatever it has interrupted. In hub code the next cancellation point acts.
void on_cancel_signal(int signal, siginfo_t* information, void* context) {
  if (information->si_code != kick_code) return libc_handler(signal, information, context);
  if (on_greenlet()) cancel_if_asynchronous();
}

// libc installs its handler, and loads what it unwinds with, when the first thread is cancelled: so this one is, while
// nothing comes of it. libc then takes the process for one of several threads, which it soon is.
void make_libc_ready() noexcept {
  if (has_cancel_pending()) return;  // it was cancelled before
  int before = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  real.pthread_cancel(pthread_self());
  unmark_cancelled();
  pthread_setcancelstate(before, nullptr);
}

}  // namespace

void start_cancellation() noexcept {
  make_libc_ready();
  KernelAction action{};
  if (real.syscall(SYS_rt_sigaction, cancel_signal, nullptr, &action, mask_size) != 0) return;
  libc_handler = action.handler;
  action.handler = on_cancel_signal;
  action.flags |= SA_NODEFER;  // its kernel thread goes on with others after the unwinding
  real.syscall(SYS_rt_sigaction, cancel_signal, &action, nullptr, mask_size);
}

void cancel_if_asynchronous() {
  if (is_cancelled_at_once()) pthread_testcancel();
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int evergreen_pthread_cancel(pthread_t handle) asm("pthread_cancel");
SHIM int evergreen_pthread_cancel(pthread_t handle) {
  Thread* thread = started() && !core::in_runtime ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_cancel(handle);
  if (thread == &main_thread()) prepare_end_of_main();
  if (thread == &Thread::running()) return real.pthread_cancel(handle);  // acts if it is asynchronous
  const core::Runtime runtime;
  const Marked marked = mark_cancelled(handle);
  if (marked == Marked::ends_already) return 0;
  core::notify(*thread, marked == Marked::asynchronous ? kick : no_kick, cancel_signal);
  return 0;
}
