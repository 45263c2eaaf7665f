// The TLS block that a kernel thread came with, which glibc's list of threads knows, whatever greenlet it runs.
//
// setuid(2) and its kin change the kernel thread that calls them only. So glibc sends a signal (SIGSETXID) to all
// others on its list, whose handler makes the same call, and ticks its thread off in the block that is current. If that
// is a greenlet's, glibc signals again and again, for ever. Hence the handler runs in the kernel thread's own block.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace evergreen {

// Part of whatever stands for a kernel thread on which greenlets run; lives as long as the process.
class KernelThread {
 public:
  // On that thread: it runs in the block that it came with; and before that block goes.
  void begin() noexcept;
  void end() noexcept { id_.store(0); }

 private:
  static void on_setxid(int signal, void* info, void* context);
  friend void run_setxid_in_own_blocks() noexcept;

  std::atomic<pid_t> id_{0};
  std::uintptr_t block_ = 0;
  KernelThread* next_ = nullptr;
  bool is_listed_ = false;
};

// Once, after libc has made a thread.
void run_setxid_in_own_blocks() noexcept;

// In a forked child, whose one thread begins anew.
void forget_kernel_threads() noexcept;

}  // namespace evergreen
