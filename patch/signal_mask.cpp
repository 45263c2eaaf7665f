// Each greenlet's own signal mask, and what is pending behind it.

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "hub/core/signal_masks.h"
#include "patch/running_mask.h"
#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// Returns 0 or an error number.
int change_mask(int how, const sigset_t* set, sigset_t* before) {
  const std::uint64_t old = core::current->signal_mask;
  if (set != nullptr) {
    const std::uint64_t given = mask_of(*set);
    switch (how) {
      case SIG_BLOCK:
        change_signal_mask(old | given);
        break;
      case SIG_UNBLOCK:
        change_signal_mask(old & ~given);
        break;
      case SIG_SETMASK:
        change_signal_mask(given);
        break;
      default:
        return EINVAL;
    }
  }
  if (before != nullptr) *before = set_of(old);
  return 0;
}

bool is_readable_set(const sigset_t* set) noexcept { return set == nullptr || is_readable(set, sizeof(std::uint64_t)); }

// siglongjmp restores the mask inside libc: the kernel's, and by its return our record of it.
void restore_mask(const struct __jmp_buf_tag* target) {
  if (!on_greenlet() || target->__mask_was_saved == 0) return;
  sigset_t set;
  static_assert(sizeof target->__saved_mask == sizeof set);
  std::memcpy(&set, &target->__saved_mask, sizeof set);
  change_signal_mask(mask_of(set));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// The header says that these throw nothing; but handlers run in them, and may end the thread.
SHIM int evergreen_pthread_sigmask(int how, const sigset_t* set, sigset_t* before) asm("pthread_sigmask");
SHIM int evergreen_pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  if (!on_greenlet() || !is_readable_set(set)) return real.pthread_sigmask(how, set, before);
  const KeepErrno keep;
  return keep(change_mask(how, set, before));
}

// libc's own code sets the mask of the context that goes on. With what the context itself returns to (uc_link) it does
// so past us: where that has another mask our record is behind until the next change.
SHIM int setcontext(const ucontext_t* next) noexcept {
  if (on_greenlet()) expect_signal_mask(mask_of(next->uc_sigmask));
  return real.setcontext(next);
}

SHIM int swapcontext(ucontext_t* before, const ucontext_t* next) noexcept {
  if (on_greenlet()) expect_signal_mask(mask_of(next->uc_sigmask));
  return real.swapcontext(before, next);
}

SHIM int evergreen_sigprocmask(int how, const sigset_t* set, sigset_t* before) asm("sigprocmask");
SHIM int evergreen_sigprocmask(int how, const sigset_t* set, sigset_t* before) {
  if (!on_greenlet() || !is_readable_set(set)) return real.sigprocmask(how, set, before);
  const KeepErrno keep;
  const int error = change_mask(how, set, before);
  return error == 0 ? keep(0) : fail(error);
}

namespace {

// The old interfaces know signals 1 to 32 only: sigvec(3).
constexpr std::uint64_t old_signals = 0xffffffff;

int change_old_mask(int mask, bool adds) {
  const std::uint64_t before = core::current->signal_mask;
  const std::uint64_t given = static_cast<unsigned>(mask);
  change_signal_mask(adds ? before | given : given);
  return static_cast<int>(before & old_signals);
}

int hold(int how, int signal) {
  sigset_t set;
  sigemptyset(&set);
  if (sigaddset(&set, signal) != 0) return -1;
  return evergreen_sigprocmask(how, &set, nullptr);
}

}  // namespace

SHIM int evergreen_sigblock(int mask) asm("sigblock");
SHIM int evergreen_sigblock(int mask) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return on_greenlet() ? change_old_mask(mask, true) : real.sigblock(mask);
#pragma GCC diagnostic pop
}

SHIM int evergreen_sigsetmask(int mask) asm("sigsetmask");
SHIM int evergreen_sigsetmask(int mask) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return on_greenlet() ? change_old_mask(mask, false) : real.sigsetmask(mask);
#pragma GCC diagnostic pop
}

SHIM int evergreen_sighold(int signal) asm("sighold");
SHIM int evergreen_sighold(int signal) { return hold(SIG_BLOCK, signal); }

SHIM int evergreen_sigrelse(int signal) asm("sigrelse");
SHIM int evergreen_sigrelse(int signal) { return hold(SIG_UNBLOCK, signal); }

// What all block the kernel knows.
SHIM int sigpending(sigset_t* set) noexcept {
  const int result = real.sigpending(set);
  if (!on_greenlet() || result != 0) return result;
  const core::Runtime runtime;
  const std::uint64_t own = Thread::running().signals.all() & core::current->signal_mask;
  *set = set_of(mask_of(*set) | own);
  return 0;
}

SHIM void evergreen_siglongjmp(struct __jmp_buf_tag* target, int value) asm("siglongjmp");
SHIM void evergreen_siglongjmp(struct __jmp_buf_tag* target, int value) {
  restore_mask(target);
  real.siglongjmp(target, value);
}

SHIM void evergreen_longjmp(struct __jmp_buf_tag* target, int value) asm("longjmp");
SHIM void evergreen_longjmp(struct __jmp_buf_tag* target, int value) { evergreen_siglongjmp(target, value); }

SHIM void evergreen_plain_longjmp(struct __jmp_buf_tag* target, int value) asm("_longjmp");
SHIM void evergreen_plain_longjmp(struct __jmp_buf_tag* target, int value) { evergreen_siglongjmp(target, value); }

// Fortified code's.
SHIM void evergreen_longjmp_chk(struct __jmp_buf_tag* target, int value) asm("__longjmp_chk");
SHIM void evergreen_longjmp_chk(struct __jmp_buf_tag* target, int value) {
  restore_mask(target);
  real.__longjmp_chk(target, value);
}
