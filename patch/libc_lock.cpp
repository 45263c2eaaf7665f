// The locks that libc takes for itself. A greenlet holds that of a stream for long: while it parks in a read or write
// of the stream, or under flockfile. So the others that want it must park too. Likewise the lock of the list of
// streams, which fflush(NULL) holds.
//
// Such a lock is { int word, int count, owner }. A word is 0: free, 1: held, 2: held and perhaps waited for. libc takes
// and releases it in line, and comes here where it finds it held, or releases a 2.
//
// Its other locks are a word alone: malloc's and the like, held for some instructions. These block the kernel thread,
// as hub code may want them: it would wait for a greenlet that is parked with one while it wants a second.

#include <linux/futex.h>
#include <sys/syscall.h>

#include "patch/inside.h"
#include "patch/shim.h"
#include "patch/thread.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

constexpr int held_and_waited_for = 2;

// With the owner's handle: that one is parked, and shares its TLS block with others of which none is the owner.
constexpr pthread_t parked_mark = 1;

// Whoever waits says so in the lock, also for those that wait beside it: it can't know that it is the last.
bool try_lock(int* lock) noexcept { return __atomic_exchange_n(lock, held_and_waited_for, __ATOMIC_SEQ_CST) == 0; }

void wait_in_kernel(int* lock, const timespec* most) noexcept {
  real.syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, held_and_waited_for, most);
}

pthread_t* owner_of(int* lock) noexcept { return reinterpret_cast<pthread_t*>(lock + 2); }

// What follows the word of another kind of lock is no handle of a greenlet's.
bool is_held_by_greenlet(int* lock) noexcept {
  return Thread::find(__atomic_load_n(owner_of(lock), __ATOMIC_RELAXED) & ~parked_mark) != nullptr;
}

// The new holder writes the same when it runs. Who comes before that must see that it is a greenlet.
bool lock_for(int* lock, core::HubGreenlet& holder) noexcept {
  if (!try_lock(lock)) return false;
  __atomic_store_n(owner_of(lock), holder.block() | (holder.shares_block() ? parked_mark : 0), __ATOMIC_RELAXED);
  return true;
}

void park_until_held(int* lock) noexcept {
  Sleeper sleeper(lock, Sleeper::Kind::futex);
  for (; !sleeper.has_lock; sleeper.beaten = true) {
    const core::Runtime runtime;
    core::prepare_to_park(sleeper.greenlet, core::Hears::signals);
    add(sleeper);
    const bool locked = try_lock(lock);
    if (!locked) core::park(sleeper.greenlet, "a lock of libc", Deadline::never());
    remove(sleeper);
    if (locked) return;  // who has woken us for nothing is followed by our own release
  }
}

// The holder writes down that it is the owner after it has the lock: so looks again.
void wait_on_greenlet(int* lock) noexcept {
  constexpr timespec millisecond{0, 1'000'000};
  while (!try_lock(lock)) {
    if (is_held_by_greenlet(lock)) return park_until_held(lock);
    wait_in_kernel(lock, &millisecond);
  }
}

}  // namespace

ParkedOwner::ParkedOwner(FILE& stream) noexcept {
  auto* const lock = static_cast<int*>(stream._lock);
  if (lock == nullptr || !on_greenlet() || !core::current->shares_block()) return;
  if (__atomic_load_n(owner_of(lock), __ATOMIC_RELAXED) != core::current->block()) return;
  owner_ = owner_of(lock);
  __atomic_store_n(owner_, core::current->block() | parked_mark, __ATOMIC_RELAXED);
}

ParkedOwner::~ParkedOwner() {
  if (owner_ != nullptr) __atomic_store_n(owner_, core::current->block(), __ATOMIC_RELAXED);
}

// Parks while another greenlet holds it. No cancellation point.
void inside::__lll_lock_wait_private(int* lock) noexcept {
  const int saved = errno;
  if (on_greenlet()) {
    wait_on_greenlet(lock);
  } else {
    while (!try_lock(lock)) wait_in_kernel(lock, nullptr);
  }
  errno = saved;
}

// One that is parked and one in the kernel: nobody knows who is there. The next to have the lock wakes the next of
// both.
void inside::__lll_lock_wake_private(int* lock) noexcept {
  const int saved = errno;
  if (started()) wake_or_give(lock, lock_for);
  real.syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
  errno = saved;
}

}  // namespace evergreen::patch
