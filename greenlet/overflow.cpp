#include "greenlet/overflow.h"

#include <signal.h>
#include <sys/mman.h>

#include <cstddef>
#include <new>

#include "greenlet/fatal.h"
#include "greenlet/stack.h"

namespace evergreen {
namespace {

void (*describe_owner)(const void*, char*, unsigned long) noexcept;

void on_fault(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  // Kernel-made faults (si_code <= 0) carry no address: somebody sent the signal.
  const Stack* stack = info->si_code > 0 ? StackPool::containing(address) : nullptr;
  if (stack != nullptr && address < stack->low() && stack->owner != nullptr) {
    char who[128];
    describe_owner(stack->owner, who, sizeof who);
    report(
        "stack overflow in %s: its stack has %zu KiB; raise it with --stack-size, EVERGREEN_STACK_SIZE or "
        "pthread_attr_setstacksize",
        who, static_cast<std::size_t>(stack->top() - stack->low()) / 1024);
  }
  // Back to the faulting instruction, which faults again: the core dump then shows where. A signal that was sent is
  // sent again to the same end.
  signal(SIGSEGV, SIG_DFL);
  if (info->si_code <= 0) raise(SIGSEGV);
}

constexpr std::size_t alternate_size = 64 << 10;  // AVX-512 state alone is 2.7 KiB, the report's buffers 1 KiB

}  // namespace

AlternateStack::AlternateStack() noexcept {
  stack_t now{};
  if (sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  memory_ = mmap(nullptr, alternate_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) memory_ = nullptr;
  const stack_t ours{.ss_sp = memory_, .ss_flags = 0, .ss_size = alternate_size};
  if (memory_ != nullptr) sigaltstack(&ours, nullptr);
}

AlternateStack::~AlternateStack() {
  if (memory_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  munmap(memory_, alternate_size);
}

void report_stack_overflows(void (*describe)(const void*, char*, unsigned long) noexcept) {
  // For a handler of the program's, too. Never destroyed: exit handlers still run on it.
  alignas(AlternateStack) static std::byte memory[sizeof(AlternateStack)];
  [[maybe_unused]] static auto* const main_threads = new (memory) AlternateStack;
  struct sigaction now {};
  const bool none = sigaction(SIGSEGV, nullptr, &now) == 0 && now.sa_handler == SIG_DFL;
  if (!none) return;
  describe_owner = describe;
  struct sigaction ours {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGSEGV, &ours, nullptr);
}

}  // namespace evergreen
