// Barriers and spin locks.

#include "patch/offload.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// glibc's struct pthread_barrier. `in` counts arrivals, and `round` is what it was when the present round began, which
// is only ever changed by libc: in rounds of ours `in` goes back to it. So pthread_barrier_destroy finds nothing to
// wait for.
struct Barrier {
  unsigned in;
  unsigned round;
  unsigned count;
  int shared;
  unsigned out;
};
static_assert(sizeof(Barrier) <= sizeof(pthread_barrier_t));

// Counts one more in. Returns whether the round is complete; then the next one has begun, for more threads than a round
// takes may be coming.
bool completes_round(Barrier& barrier) noexcept {
  const std::atomic_ref in(barrier.in);
  const unsigned last = barrier.round + barrier.count - 1;
  unsigned before = in.load();
  while (!in.compare_exchange_weak(before, before == last ? barrier.round : before + 1)) {
  }
  return before == last;
}

// One's place in the table, also while handlers run: it counts among those whom the last to come wakes.
struct Place {
  explicit Place(const void* barrier) : sleeper(barrier, Sleeper::Kind::lock) {}
  ~Place() noexcept(false) { remove(sleeper); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  Sleeper sleeper;
};

int wait_for_others(Barrier& barrier) {
  const std::size_t others = barrier.count - 1;  // read now: the first who is woken may destroy the barrier
  Place place(&barrier);
  Sleeper& sleeper = place.sleeper;
  for (bool has_come = false;; has_come = true) {
    const core::Runtime runtime;
    core::prepare_to_park(sleeper.greenlet, core::Hears::signals);
    if (!has_come) {
      add(sleeper);
      if (completes_round(barrier)) {
        remove(sleeper);
        wake(&barrier, others);
        return PTHREAD_BARRIER_SERIAL_THREAD;
      }
    } else if (!come_back(sleeper)) {
      return 0;
    }
    core::park(sleeper.greenlet, "pthread_barrier_wait", Deadline::never());
    if (!step_aside(sleeper)) return 0;
  }
}

// Other processes may complete the round. There is no way to arrive without waiting: at the cap of carriers this holds
// up the hub, and if the round then needs another of its greenlets it never ends.
int wait_in_kernel(pthread_barrier_t* barrier) noexcept {
  return offloaded([=] { return real.pthread_barrier_wait(barrier); });
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// libc's headers say that these throw nothing. But handlers run in them, which may end the thread.
SHIM int evergreen_pthread_barrier_wait(pthread_barrier_t* address) asm("pthread_barrier_wait");
SHIM int evergreen_pthread_spin_lock(pthread_spinlock_t* lock) asm("pthread_spin_lock");
SHIM int evergreen_pthread_spin_trylock(pthread_spinlock_t* lock) asm("pthread_spin_trylock");

// Parks until the round is complete. No cancellation point. Restarts after a signal.
SHIM int evergreen_pthread_barrier_wait(pthread_barrier_t* address) {
  auto* barrier = reinterpret_cast<Barrier*>(address);  // glibc does the same
  if (!parks()) return real.pthread_barrier_wait(address);
  if (barrier->shared != 0) return wait_in_kernel(address);
  return wait_for_others(*barrier);
}

// Spinning against an owner that is parked on the same kernel thread would never end.
SHIM int evergreen_pthread_spin_lock(pthread_spinlock_t* lock) {
  if (!on_greenlet()) return real.pthread_spin_lock(lock);
  int result;
  while ((result = real.pthread_spin_trylock(lock)) == EBUSY) core::yield();
  return result;
}

// Mostly called in a loop, too.
SHIM int evergreen_pthread_spin_trylock(pthread_spinlock_t* lock) {
  const int result = real.pthread_spin_trylock(lock);
  if (result == EBUSY && on_greenlet()) core::yield();
  return result;
}
