// libstdc++ on Debian calls every futex shared, so the call itself does not tell (std::atomic::wait, guards of C++
// statics). But memory that another process can reach comes from few calls, none of which a program makes often: so
// they are noted from the first one on.

#include "patch/shared_memory.h"

#include <sys/mman.h>
#include <sys/shm.h>

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <mutex>

#include "greenlet/spin_lock.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

struct Range {
  std::uintptr_t begin, end;
};

constinit SpinLock ranges_lock;

// Scope of a look at the ranges, which a signal handler that interrupted one must not take.
class Lock {
 public:
  Lock() noexcept {
    if (!runtime_.nested()) ranges_lock.lock();
  }
  ~Lock() {
    if (!runtime_.nested()) ranges_lock.unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  [[nodiscard]] bool is_held() const noexcept { return !runtime_.nested(); }

 private:
  const core::Runtime runtime_;
};

// A fixed number: the program's malloc may be what calls us. Where more are mapped, all memory counts as shared.
constinit std::array<Range, 512> ranges{};
constinit std::atomic<std::size_t> range_count{0};  // changed under the lock
constinit std::atomic<bool> overflowed{false};

void push(Range range) noexcept {
  const std::size_t count = range_count.load(std::memory_order_relaxed);
  if (count == ranges.size()) {
    overflowed = true;
    return;
  }
  ranges[count] = range;
  range_count.store(count + 1, std::memory_order_release);
}

void add(Range range) noexcept {
  const Lock lock;
  if (lock.is_held()) {
    push(range);
  } else {
    overflowed = true;
  }
}

// Cuts `range` out of all. What stays noted though it is gone costs time, nothing else.
void remove(Range range) noexcept {
  if (range_count.load(std::memory_order_acquire) == 0) return;
  const Lock lock;
  if (!lock.is_held()) return;
  for (std::size_t i = range_count.load(std::memory_order_relaxed); i-- > 0;) {
    const Range whole = ranges[i];
    if (whole.end <= range.begin || whole.begin >= range.end) continue;
    const std::size_t last = range_count.load(std::memory_order_relaxed) - 1;
    ranges[i] = ranges[last];
    range_count.store(last, std::memory_order_release);
    if (whole.begin < range.begin) push({whole.begin, range.begin});
    if (range.end < whole.end) push({range.end, whole.end});
  }
}

// The first range for which matches() is true; an empty one if there is none. Precondition: the lock is held.
template <class Matches>
Range find(Matches matches) noexcept {
  const std::size_t count = range_count.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    if (matches(ranges[i])) return ranges[i];
  }
  return {};
}

Range beginning_at(std::uintptr_t address) noexcept {
  const Lock lock;
  return lock.is_held() ? find([address](Range range) { return range.begin == address; }) : Range{};
}

Range range_of(const void* begin, std::size_t size) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  constexpr std::uintptr_t page = 4096;
  return {address, address + (size + page - 1) / page * page};
}

void* noted_map(void* begin, std::size_t size, int flags) noexcept {
  if (begin == MAP_FAILED) return begin;
  remove(range_of(begin, size));
  if ((flags & MAP_TYPE) != MAP_PRIVATE) add(range_of(begin, size));
  return begin;
}

}  // namespace

bool is_shared_memory(const void* address) noexcept {
  if (overflowed) return true;
  if (range_count.load(std::memory_order_acquire) == 0) return false;
  const Lock lock;
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return !lock.is_held() || find([at](Range range) { return range.begin <= at && at < range.end; }).end != 0;
}

void lock_shared_memory() noexcept { ranges_lock.lock(); }
void unlock_shared_memory() noexcept { ranges_lock.unlock(); }

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM void* mmap(void* hint, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  return noted_map(real.mmap(hint, size, protection, flags, fd, offset), size, flags);
}

SHIM void* mmap64(void* hint, size_t size, int protection, int flags, int fd, off64_t offset) noexcept {
  return noted_map(real.mmap64(hint, size, protection, flags, fd, offset), size, flags);
}

// Forgotten before it is gone: another thread may map the same place at once.
SHIM int munmap(void* begin, size_t size) noexcept {
  remove(range_of(begin, size));
  return real.munmap(begin, size);
}

// The old place may stay mapped (MREMAP_DONTUNMAP), so it stays noted.
SHIM void* mremap(void* from, size_t old_size, size_t size, int flags, ...) noexcept {
  std::va_list rest;
  va_start(rest, flags);
  void* hint = va_arg(rest, void*);
  va_end(rest);
  const bool was_shared = is_shared_memory(from);
  void* begin = real.mremap(from, old_size, size, flags, hint);
  if (was_shared && begin != MAP_FAILED) add(range_of(begin, size));
  return begin;
}

SHIM void* shmat(int id, const void* hint, int flags) noexcept {
  const KeepErrno keep;
  void* begin = real.shmat(id, hint, flags);
  shmid_ds segment{};
  if (begin == reinterpret_cast<void*>(-1)) return begin;
  const bool known = shmctl(id, IPC_STAT, &segment) == 0;
  keep(0);
  add(known ? range_of(begin, segment.shm_segsz) : Range{reinterpret_cast<std::uintptr_t>(begin), UINTPTR_MAX});
  return begin;
}

SHIM int shmdt(const void* begin) noexcept {
  remove(beginning_at(reinterpret_cast<std::uintptr_t>(begin)));
  return real.shmdt(begin);
}
