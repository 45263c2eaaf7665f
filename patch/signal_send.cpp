// Sending signals to greenlets, which the kernel does not know, and to this process.

#include <signal.h>

#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/hubs.h"
#include "patch/shim.h"
#include "patch/signal_discard.h"
#include "patch/signals.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

bool is_signal(int signal) noexcept { return signal >= 1 && signal <= SIGRTMAX; }

// Of libc's own: pthread_kill(3).
bool is_internal(int signal) noexcept { return signal == 32 || signal == 33; }

// Returns 0 or an error number, as pthread_kill.
int send_to(Thread& thread, int signal, const siginfo_t& information) noexcept {
  if (is_internal(signal) || (signal != 0 && !is_signal(signal))) return EINVAL;
  return signal == 0 ? 0 : send_signal(thread, information);
}

}  // namespace

int send_to_live(pid_t id, const siginfo_t& information) noexcept {
  const int signal = information.si_signo;
  if (core::current != nullptr && id == ::gettid()) return send_to(Thread::running(), signal, information);
  if (id == getpid()) return send_to(Thread::first(), signal, information);
  struct Sending {
    const pid_t id;
    const siginfo_t& information;
    int result;
  } sending{id, information, -1};
  const core::Runtime runtime;
  visit_live_blocks(
      [](const void* owner, const void* argument) {
        auto& sending = *static_cast<Sending*>(const_cast<void*>(argument));
        auto* thread = static_cast<Thread*>(const_cast<void*>(owner));
        if (thread == nullptr || thread->has_ended() || thread_id_of(thread->block()) != sending.id) return false;
        sending.result = send_to(*thread, sending.information.si_signo, sending.information);
        return true;
      },
      &sending);
  return sending.result;
}

int send_by_id(pid_t id, int signal, const siginfo_t* given) noexcept {
  if (!started() || core::in_runtime || core::waits_natively) return -1;
  discard_contrary(signal);
  return send_to_live(id, given != nullptr ? *given : information_of(signal, SI_TKILL));
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int pthread_kill(pthread_t handle, int signal) noexcept {
  if (core::waits_natively) return real.pthread_kill(handle, signal);
  Thread* thread = started() && !core::in_runtime ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_kill(handle, signal);
  const KeepErrno keep;
  discard_contrary(signal);
  return keep(send_to(*thread, signal, information_of(signal, SI_TKILL)));
}

SHIM int pthread_sigqueue(pthread_t handle, int signal, const sigval value) noexcept {
  if (core::waits_natively) return real.pthread_sigqueue(handle, signal, value);
  Thread* thread = started() && !core::in_runtime ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_sigqueue(handle, signal, value);
  const KeepErrno keep;
  siginfo_t information = information_of(signal, SI_QUEUE);
  information.si_value = value;
  return keep(send_to(*thread, signal, information));
}

SHIM int raise(int signal) noexcept {
  if (!on_greenlet()) return real.raise(signal);
  const int error = pthread_kill(pthread_self(), signal);
  return error == 0 ? 0 : fail(error);
}

SHIM int gsignal(int signal) noexcept { return raise(signal); }

SHIM int tgkill(pid_t process, pid_t id, int signal) {
  const KeepErrno keep;
  const int error = process == getpid() ? send_by_id(id, signal, nullptr) : -1;
  if (error < 0) return real.tgkill(process, id, signal);
  return error == 0 ? keep(0) : fail(error);
}

namespace {

// Where it is this process; false: the kernel is to have it.
bool send_to_own(pid_t process, const siginfo_t& information) noexcept {
  const int signal = information.si_signo;
  if (!started() || process != getpid() || !is_signal(signal) || is_internal(signal)) return false;
  discard_contrary(signal);
  return send_to_process(information);
}

}  // namespace

// To this process: the handler has run when it returns, if the caller is who gets it.
SHIM int kill(pid_t process, int signal) noexcept {
  return send_to_own(process, information_of(signal, SI_USER)) ? 0 : real.kill(process, signal);
}

SHIM int sigqueue(pid_t process, int signal, const sigval value) noexcept {
  siginfo_t information = information_of(signal, SI_QUEUE);
  information.si_value = value;
  return send_to_own(process, information) ? 0 : real.sigqueue(process, signal, value);
}
