#include "patch/wait_table.h"

#include <array>
#include <atomic>
#include <mutex>
#include <new>

#include "greenlet/spin_lock.h"
#include "hub/core/address_hash.h"
#include "hub/core/hub.h"
#include "patch/start.h"

namespace evergreen::patch {
namespace {

struct alignas(64) Bucket {
  SpinLock lock;                           // guards `sleepers`
  std::atomic<std::uint32_t> count{0};     // of sleepers, for those who only want to know that there are none
  std::atomic<const void*> owed{nullptr};  // the object for which a beaten sleeper was woken last
  List<Sleeper> sleepers;                  // of several addresses, oldest first
};

constexpr unsigned bucket_bits = 10;
using Table = std::array<Bucket, 1 << bucket_bits>;

// Made with the hub: a program without threads pays nothing for it. Never destroyed.
constinit Table* table = nullptr;

Bucket& bucket_of(const void* address) noexcept { return (*table)[core::address_hash(address, bucket_bits)]; }

constinit std::atomic<bool> wake_was_deferred{false};

// Precondition: the bucket's lock is held.
void wake_sleeper(Bucket& bucket, Sleeper& sleeper) noexcept {
  sleeper.unlink();
  bucket.count.fetch_sub(1, std::memory_order_relaxed);
  if (sleeper.beaten) bucket.owed.store(sleeper.address, std::memory_order_relaxed);
  if (sleeper.is_away) return;
  core::unpark(sleeper.greenlet, core::Wake::woken, sleeper.beaten ? core::Order::first : core::Order::last);
}

// Wakes the oldest `most` sleepers for which matches() is true; returns how many. Precondition: the lock is held.
template <class Matches>
std::size_t wake_matching(Bucket& bucket, std::size_t most, Matches matches) noexcept {
  std::size_t woken = 0;
  for (Sleeper* sleeper = bucket.sleepers.first(); sleeper != nullptr && woken < most;) {
    Sleeper* next = bucket.sleepers.after(*sleeper);
    if (matches(*sleeper)) {
      wake_sleeper(bucket, *sleeper);
      ++woken;
    }
    sleeper = next;
  }
  return woken;
}

void defer_wake() noexcept {
  wake_was_deferred.store(true);
  hub()->wake();
}

// How many wake_futex() would wake now, for a handler that has interrupted the hub. The hub's own futexes come here
// too, and mostly find nobody: so it looks, unless the lock is taken, perhaps by the interrupted code.
std::size_t defer_wake_futex(Bucket& bucket, std::size_t most, auto matches) noexcept {
  const std::unique_lock guard(bucket.lock, std::try_to_lock);
  std::size_t found = 0;
  for (Sleeper* sleeper = guard ? bucket.sleepers.first() : nullptr; sleeper != nullptr && found < most;
       sleeper = bucket.sleepers.after(*sleeper)) {
    if (matches(*sleeper)) ++found;
  }
  if (found != 0 || !guard) defer_wake();
  return found;
}

}  // namespace

// A handler posted while the hub itself was interrupted. It could not tell which semaphore or futex: all look again.
void wake_deferred() noexcept {
  if (!wake_was_deferred.exchange(false)) return;
  for (Bucket& bucket : *table) {
    if (bucket.count.load() == 0) continue;
    const std::lock_guard guard(bucket.lock);
    wake_matching(bucket, SIZE_MAX, [](const Sleeper& sleeper) {
      return sleeper.kind == Sleeper::Kind::semaphore || sleeper.kind == Sleeper::Kind::futex;
    });
  }
}

void add(Sleeper& sleeper) {
  const core::Runtime runtime;
  Bucket& bucket = bucket_of(sleeper.address);
  const std::lock_guard guard(bucket.lock);
  sleeper.beaten ? bucket.sleepers.push_front(sleeper) : bucket.sleepers.push_back(sleeper);
  bucket.count.fetch_add(1);
}

bool add_if_equal(Sleeper& sleeper, std::uint32_t expected) noexcept {
  const core::Runtime runtime;
  Bucket& bucket = bucket_of(sleeper.address);
  const std::lock_guard guard(bucket.lock);
  bucket.count.fetch_add(1);  // before the look at the word: whoever changes it looks here next
  if (__atomic_load_n(static_cast<const std::uint32_t*>(sleeper.address), __ATOMIC_SEQ_CST) != expected) {
    bucket.count.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  bucket.sleepers.push_back(sleeper);
  return true;
}

bool remove(Sleeper& sleeper) {
  const core::Runtime runtime;
  Bucket& bucket = bucket_of(sleeper.address);
  const std::lock_guard guard(bucket.lock);
  if (!sleeper.is_linked()) return false;
  sleeper.unlink();
  bucket.count.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool step_aside(Sleeper& sleeper) {
  const core::Runtime runtime;
  const std::lock_guard guard(bucket_of(sleeper.address).lock);
  sleeper.is_away = true;
  return sleeper.is_linked();
}

bool come_back(Sleeper& sleeper) noexcept {
  const std::lock_guard guard(bucket_of(sleeper.address).lock);
  sleeper.is_away = false;
  return sleeper.is_linked();
}

bool is_waiting(const Sleeper& sleeper) noexcept {
  const core::Runtime runtime;
  const std::lock_guard guard(bucket_of(sleeper.address).lock);
  return sleeper.is_linked();
}

std::size_t wake(const void* address, std::size_t most) {
  Bucket& bucket = bucket_of(address);
  if (bucket.count.load() == 0) return 0;
  const core::Runtime runtime;
  const std::lock_guard guard(bucket.lock);
  return wake_matching(bucket, most, [address](const Sleeper& sleeper) {
    return sleeper.address == address && sleeper.kind != Sleeper::Kind::claim;
  });
}

void wake_semaphore(const void* address) {
  if (bucket_of(address).count.load() == 0) return;
  if (core::in_runtime) {
    defer_wake();
  } else {
    wake(address, 1);
  }
}

std::size_t wake_futex(const void* address, std::size_t most, std::uint32_t bits) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Bucket& bucket = bucket_of(address);
  if (bucket.count.load(std::memory_order_relaxed) == 0) return 0;
  const auto matches = [address, bits](const Sleeper& sleeper) {
    return sleeper.address == address && sleeper.kind == Sleeper::Kind::futex && (sleeper.bits & bits) != 0;
  };
  if (core::in_runtime) return defer_wake_futex(bucket, most, matches);
  const core::Runtime runtime;
  const std::lock_guard guard(bucket.lock);
  return wake_matching(bucket, most, matches);
}

void wake_or_give(int* address, bool (*take)(int*, core::HubGreenlet&)) {
  Bucket& bucket = bucket_of(address);
  if (bucket.count.load() == 0) return;
  const auto matches = [address](const Sleeper& sleeper) {
    return sleeper.address == address && sleeper.kind == Sleeper::Kind::futex;
  };
  if (core::in_runtime) {
    defer_wake_futex(bucket, 1, matches);
    return;
  }
  const core::Runtime runtime;
  const std::lock_guard guard(bucket.lock);
  Sleeper* sleeper = bucket.sleepers.first();
  while (sleeper != nullptr && !matches(*sleeper)) sleeper = bucket.sleepers.after(*sleeper);
  if (sleeper == nullptr) return;
  sleeper->has_lock = sleeper->beaten && take(address, sleeper->greenlet);
  wake_sleeper(bucket, *sleeper);
}

void wake_for_rwlock(const void* address, bool writers_first) {
  Bucket& bucket = bucket_of(address);
  if (bucket.count.load() == 0) return;
  const core::Runtime runtime;
  const std::lock_guard guard(bucket.lock);
  const auto wake_some = [&](Sleeper::Kind kind, std::size_t most) {
    return wake_matching(bucket, most,
                         [&](const Sleeper& sleeper) { return sleeper.address == address && sleeper.kind == kind; });
  };
  const bool writer = wake_some(Sleeper::Kind::lock, 1) != 0;
  if (!writer || !writers_first) wake_some(Sleeper::Kind::reader, SIZE_MAX);
}

void let_beaten_go_first(const void* address) {
  Bucket& bucket = bucket_of(address);
  if (bucket.owed.load(std::memory_order_relaxed) != address || !on_greenlet()) return;
  bucket.owed.store(nullptr, std::memory_order_relaxed);
  core::yield();
}

bool is_claimed(const void* address) {
  Bucket& bucket = bucket_of(address);
  if (bucket.count.load() == 0) return false;
  const core::Runtime runtime;
  const std::lock_guard guard(bucket.lock);
  for (Sleeper* sleeper = bucket.sleepers.first(); sleeper != nullptr; sleeper = bucket.sleepers.after(*sleeper)) {
    if (sleeper->address == address && sleeper->kind == Sleeper::Kind::claim) return true;
  }
  return false;
}

// Only buckets that somebody is in, so that hardly a page must be copied for the child.
void forget_sleepers() noexcept {
  for (Bucket& bucket : *table) {
    if (bucket.count.load() != 0) new (&bucket) Bucket;
  }
}

void make_wait_table() { table = table == nullptr ? new Table : new (table) Table; }

}  // namespace evergreen::patch
