// Stacks of one size are carved from slabs, one mapping each however many stacks it holds: mprotect'ed guards would
// split it and meet vm.max_map_count (65,530) near 32,000 stacks, so guards are MADV_GUARD_INSTALL where the kernel has
// it (6.13). Only touched pages cost memory: the program's stack size is honoured as address space.
//
// The first touch of a page is dearer (5 to 9 us) than all the rest of a spawn. Hence last in, first out; and pages go
// back to the kernel only when far more stacks lie idle than are in use.

#include "greenlet/stack.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <new>

#include "greenlet/annotate.h"
#include "greenlet/tls_block.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

namespace evergreen {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20;

std::size_t round_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

// A large one would fill page tables with marks.
bool install_guard(std::byte* at, std::size_t size) {
  return (size <= huge_page && madvise(at, size, MADV_GUARD_INSTALL) == 0) || mprotect(at, size, PROT_NONE) == 0;
}

// Whichever of the two it was.
void remove_guard(std::byte* at, std::size_t size) {
  if (size <= huge_page) madvise(at, size, MADV_GUARD_REMOVE);
  mprotect(at, size, PROT_READ | PROT_WRITE);
}

// Where a slab starts decides how many page-table pages an idle stack costs. A top and the guard of the stack above it
// are neighbours; with the boundary in the middle of 2 MiB, both are in one page-table page.
std::byte* map_slab(std::size_t size) {
  void* mapped = mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  madvise(mapped, size + huge_page, MADV_NOHUGEPAGE);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::uintptr_t middle = round_up(address, huge_page) + huge_page / 2;
  return reinterpret_cast<std::byte*>(middle - address <= huge_page ? middle : middle - huge_page);
}

}  // namespace

struct Slab {
  std::byte* base = nullptr;
  std::size_t stride = 0, count = 0;
  std::atomic<std::size_t> carved{0};

  [[nodiscard]] std::byte* bottom(std::size_t index) const { return base + index * stride; }

  // Neighbouring stacks would have their hot bytes at one page offset and fight for the same cache sets.
  static std::size_t stagger(std::size_t index) { return index % 16 * 64; }

  [[nodiscard]] std::byte* tls_top(std::size_t index) const { return bottom(index + 1) - stagger(index); }

  [[nodiscard]] Stack* stack(std::size_t index) const {
    constexpr std::size_t alignment = 64;
    static_assert(alignof(Stack) <= alignment);
    const auto at = reinterpret_cast<std::uintptr_t>(tls_top(index) - alignment - tls_block_size() - sizeof(Stack));
    return reinterpret_cast<Stack*>(at / alignment * alignment);
  }
};

namespace {

// Append-only, so that it is read without a lock, also by the fault handler. A pool's slabs double: few are enough.
constinit Slab* slab_table[4096];
constinit std::atomic<std::size_t> slab_count{0};
constinit SpinLock slab_table_lock;

bool append(Slab* slab) {
  const std::lock_guard guard(slab_table_lock);
  const std::size_t index = slab_count.load(std::memory_order_relaxed);
  if (index == std::size(slab_table)) return false;
  slab_table[index] = slab;
  slab_count.store(index + 1, std::memory_order_release);
  return true;
}

constinit StackPool* pools = nullptr;
constinit SpinLock pools_lock;

}  // namespace

Stack::Stack(std::byte* low, std::byte* tls_top, StackPool& pool) noexcept
    : low_(low), high_(reinterpret_cast<std::byte*>(this)), bottom_(low - page), tls_top_(tls_top), pool_(pool) {}

std::size_t Stack::size() const noexcept { return pool_.size_; }

std::byte* Stack::top() const noexcept { return bottom_ + size(); }

bool Stack::widen_guard(std::size_t size) noexcept {
  std::byte* const end = bottom_ + round_up(size, page);
  if (end <= low_) return true;
  if (!install_guard(low_, static_cast<std::size_t>(end - low_))) return false;
  low_ = end;
  return true;
}

void Stack::narrow_guard() noexcept {
  std::byte* const first = bottom_ + page;
  if (low_ != first) remove_guard(first, static_cast<std::size_t>(low_ - first));
  low_ = first;
}

void* Stack::reserve(std::size_t size, std::size_t alignment) noexcept {
  const auto top = reinterpret_cast<std::uintptr_t>(high_) - size;
  high_ = reinterpret_cast<std::byte*>(top / alignment * alignment);
  return high_;
}

std::uintptr_t Stack::take_tls_block() {
  if (tls_block_ == 0) return tls_block_ = create_tls_block(tls_top_);
  return renew_tls_block(tls_block_) ? tls_block_ : 0;
}

std::size_t StackPool::minimum_size() noexcept { return round_up(tls_block_size(), page) + 4 * page; }

StackPool* StackPool::of_size(std::size_t size) {
  if (size > SIZE_MAX / 4) return nullptr;
  size = round_up(std::max(size, minimum_size()), page);
  const std::lock_guard guard(pools_lock);
  StackPool* pool = pools;
  while (pool != nullptr && pool->size_ != size) pool = pool->next_pool_;
  if (pool == nullptr && (pool = new (std::nothrow) StackPool(size)) != nullptr) {
    pool->next_pool_ = pools;
    pools = pool;
  }
  return pool;
}

// At most this many bytes a slab: a small part of what the process may have (RLIMIT_AS).
std::size_t largest_slab() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<std::size_t>(limit.rlim_cur / 16);
}

// Precondition: lock_ is held. Makes twice as many stacks as the slab before; fewer where address space is short.
Slab* StackPool::grow() {
  constexpr std::size_t first = 8, most = 8192;
  std::size_t count = slab_ == nullptr ? first : std::min(slab_->count * 2, most);
  count = std::clamp<std::size_t>(largest_slab() / size_, 1, count);
  std::byte* base = nullptr;
  while (count > 0 && (count > SIZE_MAX / 4 / size_ || (base = map_slab(count * size_)) == nullptr)) count /= 2;
  if (base == nullptr) return nullptr;
  Slab* slab = new (std::nothrow) Slab;
  if (slab == nullptr) return nullptr;
  slab->base = base;
  slab->stride = size_;
  slab->count = count;
  if (!append(slab)) {
    delete slab;
    return nullptr;
  }
  return slab_ = slab;
}

// Precondition: lock_ is held.
Stack* StackPool::carve() {
  Slab* slab = slab_;
  if (slab == nullptr || slab->carved.load(std::memory_order_relaxed) == slab->count) slab = grow();
  if (slab == nullptr) return nullptr;
  const std::size_t index = slab->carved.load(std::memory_order_relaxed);
  if (!install_guard(slab->bottom(index), page)) return nullptr;
  auto* stack = new (slab->stack(index)) Stack(slab->bottom(index) + page, slab->tls_top(index), *this);
  annotate::stack_made(stack->low_, stack->high_);
  slab->carved.store(index + 1, std::memory_order_release);
  return stack;
}

Stack* StackPool::take() {
  const std::lock_guard guard(lock_);
  Stack* stack = hot_.pop_front();
  if (stack != nullptr) {
    --hot_count_;
  } else if ((stack = cold_.pop_front()) == nullptr && (stack = carve()) == nullptr) {
    return nullptr;
  }
  ++in_use_;
  annotate::stack_taken(stack->low_, stack->high_, stack->tls_top_);
  return stack;
}

void StackPool::give(Stack& stack) noexcept {
  StackPool& pool = stack.pool_;
  stack.high_ = reinterpret_cast<std::byte*>(&stack);
  stack.owner = nullptr;
  stack.narrow_guard();
  annotate::stack_given(stack.low_, stack.high_, stack.tls_top_);
  bool too_many;
  {
    const std::lock_guard guard(pool.lock_);
    pool.hot_.push_front(stack);
    --pool.in_use_;
    too_many = ++pool.hot_count_ > pool.in_use_ + 512;
  }
  if (too_many) pool.trim();
}

// Gives the pages of the coldest stacks back, but for those with the Stack and the TLS block.
void StackPool::trim() noexcept {
  constexpr int batch = 128;
  for (int i = 0; i < batch; ++i) {
    Stack* coldest;
    {
      const std::lock_guard guard(lock_);
      if ((coldest = hot_.pop_back()) == nullptr) return;
      --hot_count_;
    }
    const auto end = reinterpret_cast<std::uintptr_t>(coldest) / page * page;
    const auto begin = reinterpret_cast<std::uintptr_t>(coldest->low_);
    madvise(coldest->low_, end - begin, MADV_DONTNEED);
    const std::lock_guard guard(lock_);
    cold_.push_front(*coldest);
  }
}

void StackPool::lock_all() noexcept {
  pools_lock.lock();
  for (StackPool* pool = pools; pool != nullptr; pool = pool->next_pool_) pool->lock_.lock();
  slab_table_lock.lock();
}

void StackPool::unlock_all() noexcept {
  slab_table_lock.unlock();
  for (StackPool* pool = pools; pool != nullptr; pool = pool->next_pool_) pool->lock_.unlock();
  pools_lock.unlock();
}

Stack* StackPool::containing(const void* address) noexcept {
  const auto* wanted = static_cast<const std::byte*>(address);
  const std::size_t count = slab_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const Slab& slab = *slab_table[i];
    if (wanted < slab.base || wanted >= slab.bottom(slab.count)) continue;
    const auto index = static_cast<std::size_t>(wanted - slab.base) / slab.stride;
    return index < slab.carved.load(std::memory_order_acquire) ? slab.stack(index) : nullptr;
  }
  return nullptr;
}

}  // namespace evergreen
