#include <atomic>

#include "patch/once.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// glibc's values of a pthread_once_t. While a routine runs the upper bits say in which generation of forks: one that a
// fork has cut off is not waited for.
enum : int { fresh = 0, done = 2 };

constinit std::atomic<int> in_progress{1};

pthread_once_t probe;

// Whatever ends the routine: an exception or pthread_exit leave the control as if it had never been called.
class Attempt {
 public:
  explicit Attempt(pthread_once_t* control) noexcept : control_(control) {}
  ~Attempt() {
    std::atomic_ref(*control_).store(outcome);
    wake(control_, SIZE_MAX);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  int outcome = fresh;

 private:
  pthread_once_t* control_;
};

int once(pthread_once_t* address, void (*routine)()) {
  const std::atomic_ref<int> control(*address);
  for (;;) {
    int seen = control.load(std::memory_order_acquire);
    if ((seen & done) != 0) return 0;
    const int ours = in_progress.load(std::memory_order_relaxed);
    if (seen != ours && control.compare_exchange_strong(seen, ours)) {
      Attempt attempt(address);
      routine();
      attempt.outcome = done;
      return 0;
    }
    if (seen == ours) {
      // libc's own pthread_once may have begun it before there was a hub, and wakes nobody here: so look now and then.
      const Deadline look_again = Deadline::in(std::chrono::milliseconds(1));
      try_then_park(
          address, Sleeper::Kind::lock, "pthread_once", look_again,
          [&] {
            const int now = control.load(std::memory_order_acquire);
            return now == ours ? EBUSY : 0;
          },
          wait_again);
    }
  }
}

}  // namespace

void learn_fork_generation() noexcept {
  probe = PTHREAD_ONCE_INIT;
  real.pthread_once(&probe, [] { in_progress = probe; });
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks while another runs the routine. Cancellation point if the routine is one.
SHIM int pthread_once(pthread_once_t* control, void (*routine)()) {
  if (!started() || core::in_runtime) return real.pthread_once(control, routine);
  return once(control, routine);
}

SHIM int __pthread_once(pthread_once_t* control, void (*routine)()) { return pthread_once(control, routine); }
