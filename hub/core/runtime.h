// Whether the running code is inside the hub, told per stack.
#pragma once

#include <atomic>

namespace evergreen::core {

// In the running stack's TLS block; true for ever on a hub's loop stack.
extern constinit thread_local bool in_runtime;

// Scope of hub code: run queues, lists of waiters, spin locks.
//
// A signal handler may interrupt such a scope and call something that is async-signal-safe by POSIX (sem_post, write).
// It must neither take a spin lock that the interrupted code holds nor touch a half-changed queue: nested() tells it,
// and it takes the lock-free way round (Hub::push_foreign) or does without.
class Runtime {
 public:
  Runtime() noexcept : nested_(in_runtime) {
    in_runtime = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~Runtime() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    in_runtime = nested_;
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] bool nested() const noexcept { return nested_; }

 private:
  const bool nested_;
};

}  // namespace evergreen::core
