#include "patch/signals.h"

#include <sys/syscall.h>
#include <ucontext.h>

#include <mutex>

#include "greenlet/arch_x86_64.h"
#include "greenlet/static_tls.h"
#include "hub/core/carrier.h"
#include "hub/core/hubs.h"
#include "hub/core/notify.h"
#include "hub/core/signal_masks.h"
#include "patch/interruption.h"
#include "patch/running_mask.h"
#include "patch/shim.h"
#include "patch/signal_actions.h"
#include "patch/signal_stack.h"
#include "patch/signal_timer.h"
#include "patch/thread.h"

namespace evergreen::patch {

constinit thread_local HandlerRuns handler_runs{};

namespace {

using core::signal_bit;

bool send_raw(pid_t thread, const siginfo_t& information) noexcept {
  const int saved = errno;
  const long result = real.syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, information.si_signo, &information);
  errno = saved;
  return result == 0;
}

// Makes that kernel thread run our handler, which looks what is pending for the greenlet that it has interrupted.
bool try_kick(pid_t thread, int signal) noexcept {
  siginfo_t information{};
  information.si_signo = signal;
  information.si_code = kick_code;
  return send_raw(thread, information);
}

bool leaves_open(const core::HubGreenlet& greenlet, int signal) noexcept {
  return (greenlet.signal_mask & signal_bit(signal)) == 0;
}

bool is_fault(const siginfo_t& information) noexcept {
  if (information.si_code <= 0) return false;
  const int number = information.si_signo;
  return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
         number == SIGSYS;
}

// Of the kernel thread rather than of the process. The CPU timers go off where the time is spent.
bool is_of_running(const siginfo_t& information) noexcept {
  const int number = information.si_signo;
  return information.si_code == SI_TKILL || is_fault(information) || number == SIGPIPE || number == SIGPROF ||
         number == SIGVTALRM;
}

// `caught`: there was a handler when it came, which would have run before it was taken away. Precondition: in a
// Runtime.
int post(Thread& target, const siginfo_t& information, bool caught) noexcept {
  const std::lock_guard guard(action_lock);
  const int number = information.si_signo;
  const SignalAction action = action_of(number);
  if (caught && !action.is_handler()) return 0;
  // In a child that one of the library's greenlets has forked, the main thread goes on as that one.
  core::HubGreenlet& main = core::Hubs::main_greenlet();
  core::HubGreenlet& greenlet = target.block() == main.block() ? main : target;
  if (action.is_ignored(number) && leaves_open(greenlet, number)) return 0;
  switch (target.signals.add(information, greenlet.signal_mask, action.is_handler())) {
    case PendingSignals::Added::to_be_told:
      core::notify(greenlet, kick, number);
      return 0;
    case PendingSignals::Added::blocked:
      return 0;
    case PendingSignals::Added::no_room:
      return EAGAIN;
  }
  __builtin_unreachable();
}

// One that is neither the main one nor running here. It stays alive while the list is locked.
bool post_to_any(const siginfo_t& information) noexcept {
  return visit_live_blocks(
      [](const void* owner, const void* argument) {
        const auto& signal = *static_cast<const siginfo_t*>(argument);
        auto* thread = static_cast<Thread*>(const_cast<void*>(owner));
        if (thread == nullptr || !leaves_open(*thread, signal.si_signo)) return false;
        post(*thread, signal, true);
        return true;
      },
      &information);
}

// One for which there was a handler when it came. Precondition: in a Runtime that is not nested, and no handler's:
// lists are in order, and their locks free.
void route(const siginfo_t& information) noexcept {
  const int number = information.si_signo;
  if (pass_on_timer_signal(information)) return;
  if (leaves_open(core::Hubs::main_greenlet(), number)) {
    post(Thread::first(), information, true);
  } else if (core::current != nullptr && leaves_open(*core::current, number)) {
    post(Thread::running(), information, true);
  } else if (!post_to_any(information)) {
    // All have just blocked it: so the kernel has it again, until somebody opens it.
    real.syscall(SYS_rt_sigqueueinfo, getpid(), number, &information);
  }
}

// In hub code. Without room the signal goes back to the kernel, which then must not deliver it here again.
void defer(const siginfo_t& information, ucontext_t& context) noexcept {
  if (DeferredSignals::push(information)) {
    core::has_notice.store(true);
    hub()->wake();
    return;
  }
  sigaddset(&context.uc_sigmask, information.si_signo);
  core::my_carrier->note_signal_mask(mask_of(context.uc_sigmask));
  real.syscall(SYS_rt_sigqueueinfo, getpid(), information.si_signo, &information);
}

// Whose waits are the kernel's, its signals are too.
void give_back_deferred_signals() noexcept {
  siginfo_t information;
  while (DeferredSignals::pop(information)) send_raw(arch::kernel_thread_id(), information);
}

void take_signals() {
  if (core::waits_natively) return give_back_deferred_signals();
  {
    const core::Runtime runtime;
    route_deferred_signals();
  }
  if (core::current == nullptr) return;
  Thread& self = Thread::running();
  const std::uint64_t open = ~core::current->signal_mask;
  std::uint64_t before;
  {
    const core::Runtime runtime;
    if ((self.signals.all() & open) == 0) return;
    before = core::my_carrier->signal_mask();
    core::my_carrier->set_signal_mask(core::all_signals);
    kick_self(self, open);
  }
  let_in(before);
}

struct HandlerCall {
  void* handler;
  siginfo_t& information;
  ucontext_t& context;

  static void run(void* self) {
    auto& call = *static_cast<HandlerCall*>(self);
    const auto handler = reinterpret_cast<void (*)(int, siginfo_t*, void*)>(call.handler);
    handler(call.information.si_signo, &call.information, &call.context);
  }
};

// Calls the program's handler. The kernel has blocked what it has to meanwhile, and will set the mask in `context` when
// we return: on whichever carrier that is, if the handler parks.
void run_handler(siginfo_t& information, ucontext_t& context) {
  const int number = information.si_signo;
  const SignalAction action = action_of(number);
  core::HubGreenlet* const self = on_greenlet() ? core::current : nullptr;
  if (!action.is_handler()) {  // changed meanwhile
    if (self != nullptr) core::my_carrier->note_signal_mask(mask_of(context.uc_sigmask) & core::all_signals);
    return;
  }
  const std::uint64_t kernels = mask_of(context.uc_sigmask), before = self != nullptr ? self->signal_mask : 0;
  if ((action.flags & static_cast<int>(SA_RESETHAND)) != 0) reset_action(number);
  if (self != nullptr) {
    const core::Runtime runtime;
    const std::uint64_t mask = self->signal_mask | blocked_in_handler(number);
    core::SignalMasks::note_change(*self, mask);
    core::my_carrier->note_signal_mask(mask);
  }
  ++handler_runs.all;
  if ((action.flags & SA_RESTART) == 0) ++handler_runs.interrupting;
  HandlerCall call{action.handler, information, context};
  if (core::current == nullptr || core::in_runtime) return call.run(&call);
  const core::Carrier* const carrier = core::my_carrier;
  call_handler(Thread::running(), (action.flags & SA_ONSTACK) != 0, HandlerCall::run, &call);
  if (self == nullptr || core::waits_natively) return;  // or it has forked, and is the child
  // Where it returns to another kernel thread, that keeps its own.
  if (core::my_carrier != carrier) real.sigaltstack(nullptr, &context.uc_stack);
  const KeepErrno keep;
  const std::uint64_t wanted = mask_of(context.uc_sigmask);
  const std::uint64_t after = (wanted == kernels ? before : wanted) & core::all_signals;  // the handler may change it
  {
    const core::Runtime runtime;
    Thread& thread = Thread::running();
    const std::uint64_t pending = thread.signals.during([&] { core::SignalMasks::note_change(*self, after); }) & ~after;
    if (pending != 0) kick_self(thread, pending);
  }
  // Only now: what is pending must come when we have returned, not on top of us.
  core::my_carrier->note_signal_mask(wanted & core::all_signals);
  keep(0);
}

// The kernel's handler of all signals for which the program has one.
void on_signal(int number, siginfo_t* information, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  const int saved = errno;
  const bool is_kick = information->si_code == kick_code;
  const bool is_childs = getpid() != core::Hubs::process();  // of vfork: it has our memory
  const bool is_foreign = core::current == nullptr && !core::in_runtime;
  if (is_childs || is_foreign || is_fault(*information)) {
    if (!is_kick) run_handler(*information, context);
    return;
  }
  if (core::in_runtime) {
    is_kick ? core::has_notice.store(true) : defer(*information, context);
    errno = saved;
    return;
  }
  if (is_kick) {
    const core::Runtime runtime;
    if (!Thread::running().signals.take(signal_bit(number), *information)) return;
    // What comes now waits for this one's handler: the kernel has it blocked, and so it must stay when notice is taken.
    core::my_carrier->note_signal_mask(core::my_carrier->signal_mask() | blocked_in_handler(number));
  } else if (pass_on_timer_signal(*information)) {
    errno = saved;
    return;
  } else if (!is_of_running(*information) && &Thread::running() != &Thread::first() &&
             leaves_open(core::Hubs::main_greenlet(), number)) {
    const core::Runtime runtime;
    post(Thread::first(), *information, true);
    errno = saved;
    return;
  }
  errno = saved;
  run_handler(*information, context);
}

}  // namespace

void kick(pid_t thread, int signal) noexcept { try_kick(thread, signal); }

// One kick for each signal, as the handler's end sees to the next. All while they are blocked: so the kernel delivers
// them in the order in which it always does.
void kick_self(Thread& self, std::uint64_t open) noexcept {
  const pid_t thread = arch::kernel_thread_id();
  for (std::uint64_t left = self.signals.all() & open; left != 0; left &= left - 1) {
    const int number = __builtin_ctzll(left) + 1;
    const SignalAction action = action_of(number);
    SignalNode node;
    if (action.is_handler()) {
      if (!try_kick(thread, number)) core::has_notice.store(true);
    } else if (self.signals.take(signal_bit(number), node) && !action.is_ignored(number) && !node.is_caught) {
      send_raw(thread, node.information);
    }
  }
}

void route_deferred_signals() noexcept {
  siginfo_t information;
  while (DeferredSignals::pop(information)) route(information);
}

void send_caught(const siginfo_t& information) noexcept { route(information); }

void start_signals() noexcept {
  learn_handler_stack(main_thread());
  core::on_notice = take_signals;
  adopt_actions(on_signal);
}

int send_signal(Thread& target, const siginfo_t& information) noexcept {
  const core::Runtime runtime;
  return post(target, information, false);
}

bool send_to_process(const siginfo_t& information) noexcept {
  const int number = information.si_signo;
  if (!on_greenlet() || !action_of(number).is_handler()) return false;
  const core::Runtime runtime;
  if ((core::SignalMasks::blocked_by_all() & signal_bit(number)) != 0) return false;
  route(information);
  return true;
}

siginfo_t information_of(int signal, int code) noexcept {
  siginfo_t information{};
  information.si_signo = signal;
  information.si_code = code;
  information.si_pid = getpid();
  information.si_uid = getuid();
  return information;
}

}  // namespace evergreen::patch
