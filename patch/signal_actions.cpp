#include "patch/signal_actions.h"

#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "hub/core/signal_masks.h"
#include "patch/fork.h"
#include "patch/shim.h"
#include "patch/signal_discard.h"
#include "patch/signals.h"

namespace evergreen::patch {
namespace {

constexpr int last_signal = 64;

struct Entry {
  std::atomic<void*> handler{nullptr};
  std::atomic<int> flags{0};
  std::atomic<std::uint64_t> mask{0};
};

constinit std::array<Entry, last_signal + 1> entries{};
constexpr int restorer_flag = 0x04000000;  // SA_RESTORER, which no header of libc's has: sigreturn(2)

using Handler = void (*)(int, siginfo_t*, void*);
constinit Handler our_handler = nullptr;

bool is_known(int signal) noexcept { return signal >= 1 && signal <= last_signal; }

// The union of the two kinds of handlers, as an address.
void* handler_in(const struct sigaction& action) noexcept { return reinterpret_cast<void*>(action.sa_handler); }

void store(Entry& entry, const struct sigaction& action) noexcept {
  std::uint64_t mask;
  std::memcpy(&mask, &action.sa_mask, sizeof mask);
  entry.mask = mask;
  entry.flags = action.sa_flags;
  entry.handler = handler_in(action);
}

void load(const Entry& entry, struct sigaction& action) noexcept {
  const std::uint64_t mask = entry.mask;
  action.sa_handler = reinterpret_cast<sighandler_t>(entry.handler.load());
  action.sa_flags = entry.flags | (action.sa_flags & restorer_flag);
  sigemptyset(&action.sa_mask);
  std::memcpy(&action.sa_mask, &mask, sizeof mask);
}

// For the kernel. We reset the action by ourselves: it may be called for a signal that is for another greenlet. Faults
// alone need another stack at once (signal_stack.h).
struct sigaction with_our_handler(int signal, const struct sigaction& wanted) noexcept {
  struct sigaction action = wanted;
  action.sa_sigaction = our_handler;
  action.sa_flags = (wanted.sa_flags | SA_SIGINFO) & ~static_cast<int>(SA_RESETHAND);
  if (signal != SIGSEGV && signal != SIGBUS) action.sa_flags &= ~SA_ONSTACK;
  return action;
}

// Scope in which the kernel keeps `signal` from this thread. In a Runtime.
class Blocked {
 public:
  explicit Blocked(int signal) noexcept : set_(core::signal_bit(signal)), signal_(signal) {
    real.syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set_, &before_, sizeof set_);
  }
  ~Blocked() { real.syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;

  [[nodiscard]] bool was_already() const noexcept { return (before_ & set_) != 0; }

  // Takes what has come for this thread or the process, without kicks; false if nothing has.
  bool take(siginfo_t& information) const noexcept {
    constexpr timespec at_once{};
    do {
      if (real.syscall(SYS_rt_sigtimedwait, &set_, &information, &at_once, sizeof set_) != signal_) return false;
    } while (information.si_code == kick_code);
    return true;
  }

 private:
  const std::uint64_t set_;
  const int signal_;
  std::uint64_t before_ = 0;
};

// Before a signal gets its default action back: what has come by it already is the old handler's. Linux would have
// given it to the main thread at once, where another of ours may not have got round to it yet. Handlers run at the end.
void handle_last(int signal) {
  const KeepErrno keep;
  const core::Runtime runtime;
  siginfo_t information;
  const Blocked blocked(signal);
  while (!blocked.was_already() && blocked.take(information)) send_caught(information);
  keep(0);
}

// And after it: a kick by the signal on its way to this thread must not be taken for the signal itself.
int set_without_handler(int signal, const struct sigaction& action) noexcept {
  const KeepErrno keep;
  siginfo_t information;
  const Blocked blocked(signal);
  const int result = real.sigaction(signal, &action, nullptr);
  if (result != 0) return result;
  if (blocked.take(information)) real.syscall(SYS_rt_sigqueueinfo, getpid(), signal, &information);
  return keep(0);
}

// The table is never behind the kernel: our handler must find one of the program's.
int change(int signal, const struct sigaction& wanted, struct sigaction* before) noexcept {
  Entry& entry = entries[static_cast<std::size_t>(signal)];
  struct sigaction old {};
  load(entry, old);
  const bool is_handler = wanted.sa_handler != SIG_DFL && wanted.sa_handler != SIG_IGN;
  if (is_handler) store(entry, wanted);
  const struct sigaction action = is_handler ? with_our_handler(signal, wanted) : wanted;
  struct sigaction kernels {};
  const int result = real.sigaction(signal, is_handler ? &action : nullptr, &kernels);
  if (result != 0) {
    if (is_handler) store(entry, old);
    return result;
  }
  if (!is_handler) {
    const core::Runtime runtime;
    const std::lock_guard guard(action_lock);
    store(entry, wanted);
    if (set_without_handler(signal, action) != 0) {
      store(entry, old);
      return -1;
    }
  }
  if (action_of(signal).is_ignored(signal)) discard_ignored(signal);
  old.sa_flags |= kernels.sa_flags & restorer_flag;
  old.sa_restorer = kernels.sa_restorer;
  if (before != nullptr) *before = old;
  return 0;
}

int ask(int signal, struct sigaction* now) noexcept {
  struct sigaction kernels {};
  const int result = real.sigaction(signal, nullptr, &kernels);
  if (result != 0) return result;
  load(entries[static_cast<std::size_t>(signal)], kernels);
  *now = kernels;
  return 0;
}

int change_in_vfork_child(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  struct sigaction kernels {};
  const int result = real.sigaction(signal, wanted, &kernels);
  if (result != 0 || before == nullptr) return result;
  if (our_handler != nullptr && kernels.sa_sigaction == our_handler) {
    load(entries[static_cast<std::size_t>(signal)], kernels);
  }
  *before = kernels;
  return 0;
}

// siginterrupt(3): whom signal(3) installs without SA_RESTART.
constinit std::atomic<std::uint64_t> interrupting{0};

sighandler_t install(int signal, sighandler_t handler, int flags, bool blocks_itself) noexcept {
  struct sigaction action {
  }, before{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  if (handler == SIG_ERR || !is_known(signal)) {
    errno = EINVAL;
    return SIG_ERR;
  }
  if (blocks_itself) sigaddset(&action.sa_mask, signal);
  return sigaction(signal, &action, &before) == 0 ? before.sa_handler : SIG_ERR;
}

}  // namespace

constinit SpinLock action_lock;

bool SignalAction::is_ignored(int signal) const noexcept {
  if (handler == reinterpret_cast<void*>(SIG_IGN)) return true;
  if (is_handler()) return false;
  return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

SignalAction action_of(int signal) noexcept {
  const Entry& entry = entries[static_cast<std::size_t>(signal)];
  return {entry.handler, entry.flags};
}

std::uint64_t blocked_in_handler(int signal) noexcept {
  const Entry& entry = entries[static_cast<std::size_t>(signal)];
  const bool itself = (entry.flags & static_cast<int>(SA_NODEFER)) == 0;
  return (entry.mask | (itself ? core::signal_bit(signal) : 0)) & core::all_signals;
}

void reset_action(int signal) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  change(signal, action, nullptr);
}

void adopt_actions(void (*ours)(int, siginfo_t*, void*)) noexcept {
  our_handler = ours;
  const int saved = errno;
  for (int signal = 1; signal <= last_signal; ++signal) {
    struct sigaction action {};
    if (real.sigaction(signal, nullptr, &action) != 0) continue;  // libc's own
    store(entries[static_cast<std::size_t>(signal)], action);
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    const struct sigaction replacement = with_our_handler(signal, action);
    real.sigaction(signal, &replacement, nullptr);
  }
  errno = saved;
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  if (!started() || core::in_runtime || !is_known(signal)) return real.sigaction(signal, wanted, before);
  if (is_vfork_child()) return change_in_vfork_child(signal, wanted, before);
  if (wanted != nullptr && wanted->sa_handler == SIG_DFL && on_greenlet() && action_of(signal).is_handler())
    handle_last(signal);
  if (wanted != nullptr) return change(signal, *wanted, before);
  return before != nullptr ? ask(signal, before) : real.sigaction(signal, nullptr, nullptr);
}

SHIM int __sigaction(int signal, const struct sigaction* wanted, struct sigaction* before) noexcept {
  return sigaction(signal, wanted, before);
}

// signal(2): with BSD's semantics, as libc's.
SHIM sighandler_t signal(int signal, sighandler_t handler) noexcept {
  const bool interrupts = is_known(signal) && (interrupting.load() & core::signal_bit(signal)) != 0;
  return install(signal, handler, interrupts ? 0 : SA_RESTART, true);
}

SHIM sighandler_t ssignal(int signal, sighandler_t handler) noexcept { return ::signal(signal, handler); }

SHIM sighandler_t bsd_signal(int signal, sighandler_t handler) noexcept { return ::signal(signal, handler); }

// With System V's: reset when it is called, and not blocked meanwhile.
SHIM sighandler_t __sysv_signal(int signal, sighandler_t handler) noexcept {
  return install(signal, handler, static_cast<int>(SA_RESETHAND) | SA_NODEFER | SA_INTERRUPT, false);
}

SHIM sighandler_t sysv_signal(int signal, sighandler_t handler) noexcept { return __sysv_signal(signal, handler); }

SHIM int siginterrupt(int signal, int interrupts) noexcept {
  struct sigaction action {};
  if (sigaction(signal, nullptr, &action) != 0) return -1;
  const std::uint64_t bit = core::signal_bit(signal);
  if (interrupts != 0) {
    interrupting.fetch_or(bit);
    action.sa_flags &= ~SA_RESTART;
  } else {
    interrupting.fetch_and(~bit);
    action.sa_flags |= SA_RESTART;
  }
  return sigaction(signal, &action, nullptr);
}

SHIM int sigignore(int signal) noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, nullptr);
}

// sigset(3): SIG_HOLD blocks the signal; all others unblock it.
SHIM sighandler_t sigset(int signal, sighandler_t handler) noexcept {
  if (handler == SIG_ERR || !is_known(signal)) {
    errno = EINVAL;
    return SIG_ERR;
  }
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, signal);
  struct sigaction old {};
  if (handler == SIG_HOLD) {
    if (sigprocmask(SIG_BLOCK, &one, &before) != 0) return SIG_ERR;
    if (sigismember(&before, signal) == 1) return SIG_HOLD;
    return sigaction(signal, nullptr, &old) == 0 ? old.sa_handler : SIG_ERR;
  }
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  if (sigaction(signal, &action, &old) != 0 || sigprocmask(SIG_UNBLOCK, &one, &before) != 0) return SIG_ERR;
  return sigismember(&before, signal) == 1 ? SIG_HOLD : old.sa_handler;
}
