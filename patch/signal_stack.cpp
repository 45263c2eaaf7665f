#include "patch/signal_stack.h"

#include <cstddef>
#include <cstdint>

#include "greenlet/arch_x86_64.h"
#include "patch/fork.h"
#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/user_memory.h"

extern "C" void evergreen_call_on_stack(void* top, void (*function)(void*), void* argument);
EVERGREEN_CALLS_ON_STACK(evergreen_call_on_stack);

namespace evergreen::patch {
namespace {

constexpr int auto_disarm = static_cast<int>(1U << 31);  // SS_AUTODISARM: no stack while a handler runs on it

bool is_set(const stack_t& stack) noexcept { return (stack.ss_flags & SS_DISABLE) == 0; }

// As the kernel sees it: the stack pointer is above the lowest byte.
[[gnu::noinline]] bool is_on(const stack_t& stack) noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto low = reinterpret_cast<std::uintptr_t>(stack.ss_sp);
  return is_set(stack) && (stack.ss_flags & auto_disarm) == 0 && here > low && here - low <= stack.ss_size;
}

stack_t as_told(const stack_t& stack) noexcept {
  stack_t told = stack;
  if (is_on(stack)) told.ss_flags |= SS_ONSTACK;
  return told;
}

// sigaltstack(2). Returns 0 or an error number.
int check(const stack_t& wanted) noexcept {
  const int mode = wanted.ss_flags & ~auto_disarm;
  if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE) return EINVAL;
  constexpr std::size_t least = 2048;  // the kernel's MINSIGSTKSZ; libc's is what the CPU's state needs
  return mode != SS_DISABLE && wanted.ss_size < least ? ENOMEM : 0;
}

}  // namespace

void learn_handler_stack(Thread& main) noexcept { real.sigaltstack(nullptr, &main.handler_stack); }

// As sigreturn(2), it is then as before, whatever the handler has done to it.
void call_handler(Thread& self, bool wanted, void (*function)(void*), void* argument) {
  const stack_t stack = self.handler_stack;
  if (!wanted || !is_set(stack) || is_on(stack)) return function(argument);
  if ((stack.ss_flags & auto_disarm) != 0) self.handler_stack = {nullptr, SS_DISABLE, 0};
  evergreen_call_on_stack(static_cast<std::byte*>(stack.ss_sp) + stack.ss_size, function, argument);
  self.handler_stack = stack;
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int sigaltstack(const stack_t* wanted, stack_t* before) noexcept {
  const bool readable = wanted == nullptr || (started() && is_readable(wanted, sizeof *wanted));
  const bool is_own = core::current != nullptr && !core::in_runtime && !is_vfork_child();
  if (!is_own || !readable) return real.sigaltstack(wanted, before);
  stack_t& own = Thread::running().handler_stack;
  const stack_t told = as_told(own);
  if (wanted != nullptr) {
    if (is_on(own)) return fail(EPERM);
    if (const int error = check(*wanted)) return fail(error);
    const bool disables = (wanted->ss_flags & SS_DISABLE) != 0;
    own = disables ? stack_t{nullptr, SS_DISABLE, 0}
                   : stack_t{wanted->ss_sp, wanted->ss_flags & auto_disarm, wanted->ss_size};
  }
  if (before != nullptr) *before = told;
  return 0;
}
