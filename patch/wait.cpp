// Waiting for child processes. One child is a descriptor (pidfd_open(2)) that becomes readable when the child ends; the
// rest waits inside libc, on a kernel thread of its own. SIGCHLD stays the program's.

#include <sys/syscall.h>
#include <sys/wait.h>

#include "hub/core/wait_fd.h"
#include "patch/block_or_look.h"
#include "patch/interruption.h"
#include "patch/offload.h"
#include "patch/own_descriptor.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

// For what follows, call(more_options) is libc's call. It returns the child, 0 with WNOHANG if there is none yet, or -1
// and errno.

// Parks until call(WNOHANG) gives a result. The child may stop instead of ending, if it is traced: no descriptor tells
// that, so looks by itself too, ever less often.
template <class Call>
pid_t park_until_end(const OwnDescriptor& end, const char* why, Call call) {
  std::chrono::milliseconds patience(1);
  constexpr std::chrono::milliseconds longest(1000);
  for (;; patience = std::min(2 * patience, longest)) {
    const pid_t result = call(WNOHANG);
    if (result != 0) return result;
    const Interruption interruption(Interruption::Restarts::if_asked);
    const core::Wake wake = core::wait_fd(end.fd(), core::Direction::read, why, Deadline::in(patience));
    const int error = interruption.after(wake);
    if (error != 0) return fail<pid_t>(error);
  }
}

template <class Call>
pid_t block_or_look_for_child(const char* why, Call call) {
  pid_t result = 0;
  const auto attempt = [&] { return (result = call(WNOHANG)) == 0 ? EBUSY : 0; };
  const auto block = [&] { return (result = call(0)) == 0 ? EBUSY : 0; };
  block_or_look(why, Deadline::never(), attempt, block);
  return result;
}

// For one child that is waited for only until it ends. It was a child of ours, and not yet reaped, when the first look
// after pidfd_open still says so: thus the descriptor is that child's, and nobody's who got its number.
template <class Call>
pid_t wait_for_end(pid_t child, const char* why, Call call) {
  const KeepErrno keep;
  const pid_t result = call(WNOHANG);
  if (result != 0) return keep(result);
  const OwnDescriptor end(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  return keep(end.is_open() ? park_until_end(end, why, call) : block_or_look_for_child(why, call));
}

template <class Call>
pid_t wait_for_any(const char* why, Call call) {
  const KeepErrno keep;
  const pid_t result = call(WNOHANG);
  return keep(result != 0 ? result : block_or_look_for_child(why, call));
}

// All but waitid are this call, in libc too.
pid_t wait4_of(pid_t child, int* status, int options, rusage* usage, const char* why) {
  const auto call = [=](int more) { return real.wait4(child, status, options | more, usage); };
  if (!on_greenlet() || (options & WNOHANG) != 0) return call(0);
  return child > 0 && options == 0 ? wait_for_end(child, why, call) : wait_for_any(why, call);
}

// waitid as a call of the form above. Which child it was is in the information, which the program may not want.
auto waitid_call(idtype_t type, id_t id, siginfo_t* information, int options) noexcept {
  return [=](int more) -> pid_t {
    siginfo_t own{};
    siginfo_t* to = information != nullptr ? information : &own;
    return real.waitid(type, id, to, options | more) != 0 ? -1 : to->si_pid;
  };
}

// The program may close its descriptor meanwhile: ours stays.
pid_t wait_for_pidfd(int fd, siginfo_t* information, int options, const char* why) {
  const KeepErrno keep;
  const auto call = waitid_call(P_PIDFD, static_cast<id_t>(fd), information, options);
  const pid_t result = call(WNOHANG);
  if (result != 0) return keep(result);
  if (is_nonblocking(fd)) return keep(call(0));
  const OwnDescriptor end(real.fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!end.is_open()) return keep(block_or_look_for_child(why, call));
  return keep(park_until_end(end, why, waitid_call(P_PIDFD, static_cast<id_t>(end.fd()), information, options)));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Blocks a kernel thread of its own until a child has ended. Cancellation point. A signal ends it.
SHIM pid_t wait(int* status) { return wait4_of(-1, status, 0, nullptr, "wait"); }

SHIM pid_t __wait(int* status) { return wait(status); }

// Parks until that child has ended; blocks a kernel thread of its own for all other waits. Cancellation point.
SHIM pid_t waitpid(pid_t child, int* status, int options) {
  return wait4_of(child, status, options, nullptr, "waitpid");
}

SHIM pid_t __waitpid(pid_t child, int* status, int options) { return waitpid(child, status, options); }

// The same, under names of ours: the header's prototypes have noexcept, at which the unwinding would end the program.
SHIM pid_t evergreen_wait3(int* status, int options, rusage* usage) asm("wait3");
SHIM pid_t evergreen_wait3(int* status, int options, rusage* usage) {
  return wait4_of(-1, status, options, usage, "wait3");
}

SHIM pid_t evergreen_wait4(pid_t child, int* status, int options, rusage* usage) asm("wait4");
SHIM pid_t evergreen_wait4(pid_t child, int* status, int options, rusage* usage) {
  return wait4_of(child, status, options, usage, "wait4");
}

// Parks until that child has ended; blocks a kernel thread of its own for all other waits. Cancellation point.
SHIM int waitid(idtype_t type, id_t id, siginfo_t* information, int options) {
  if (!on_greenlet() || (options & WNOHANG) != 0) return real.waitid(type, id, information, options);
  constexpr const char* why = "waitid";
  const auto call = waitid_call(type, id, information, options);
  const bool until_end = (options & ~WNOWAIT) == WEXITED;
  pid_t result;
  if (until_end && type == P_PID) {
    result = wait_for_end(static_cast<pid_t>(id), why, call);
  } else if (until_end && type == P_PIDFD) {
    result = wait_for_pidfd(static_cast<int>(id), information, options, why);
  } else {
    result = wait_for_any(why, call);
  }
  return result < 0 ? -1 : 0;
}

// Waits for a shell, inside libc: on a kernel thread of its own. Cancellation point.
SHIM int system(const char* command) {
  note_shared();
  return offloaded([=] { return real.system(command); });
}
