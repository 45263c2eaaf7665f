#include "greenlet/kernel_thread.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "greenlet/arch_x86_64.h"

namespace evergreen {
namespace {

using Handler = void (*)(int, void*, void*);

struct KernelAction {  // struct sigaction as the kernel has it: sigaction(3) refuses this signal
  Handler handler;
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

constexpr int sigsetxid = 33;

constinit std::atomic<KernelThread*> all{nullptr};
constinit Handler libc_handler = nullptr;

}  // namespace

void KernelThread::begin() noexcept {
  block_ = arch::thread_pointer();
  id_.store(arch::kernel_thread_id());
  if (is_listed_) return;
  is_listed_ = true;
  next_ = all.load();
  while (!all.compare_exchange_weak(next_, this)) {
  }
}

// Touches no TLS. All signals are blocked: no other handler runs in the wrong block.
void KernelThread::on_setxid(int signal, void* info, void* context) {
  const std::uintptr_t running = arch::thread_pointer();
  const pid_t id = arch::kernel_thread_id();
  for (const KernelThread* thread = all.load(); thread != nullptr; thread = thread->next_) {
    if (thread->id_.load() != id) continue;
    arch::set_thread_pointer(thread->block_);
    break;
  }
  libc_handler(signal, info, context);
  arch::set_thread_pointer(running);
}

void run_setxid_in_own_blocks() noexcept {
  KernelAction action{};
  if (libc_handler != nullptr || syscall(SYS_rt_sigaction, sigsetxid, nullptr, &action, sizeof action.mask) != 0)
    return;
  if (action.handler == nullptr) return;
  libc_handler = action.handler;
  action.handler = KernelThread::on_setxid;
  action.mask = ~0UL;
  syscall(SYS_rt_sigaction, sigsetxid, &action, nullptr, sizeof action.mask);
}

void forget_kernel_threads() noexcept { all.store(nullptr); }

}  // namespace evergreen
