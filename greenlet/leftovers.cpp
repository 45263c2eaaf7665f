// The malloc cache of glibc 2.26 and later (tcache): how many free blocks of each size there are, and a list of each.
// malloc takes from there what it can; free puts a block there while there are few. So a list is emptied by malloc, and
// what free is then told, by a count that is full, goes to the arena that it is of, as at a native thread's end.

#include "greenlet/leftovers.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "greenlet/arch_x86_64.h"
#include "greenlet/glibc_layout.h"

extern "C" int __cxa_thread_atexit_impl(void (*destructor)(void*), void* object, void* library);

namespace evergreen {
namespace {

// Volatile where malloc and free shall see it: compilers know that these touch no memory of the program's.
struct MallocCache {
  static constexpr std::size_t sizes = 64;
  static constexpr std::uint16_t full = UINT16_MAX;

  std::uint16_t count[sizes];
  void* first[sizes];

  // What malloc can be asked for of that list, and what a block of it takes.
  static constexpr std::size_t size(std::size_t list) { return 24 + 16 * list; }
  static constexpr std::size_t cost(std::size_t list) { return size(list) + 8; }
};

struct LateDestructor {  // struct dtor_list
  void (*mangled)(void*);
  void* object;
  void* library;
  LateDestructor* next;
};

// The block that the cache itself is in.
constexpr std::size_t own_cost = (sizeof(MallocCache) + sizeof(std::size_t) + 15) / 16 * 16;
constexpr std::size_t own_list = (own_cost - MallocCache::cost(0)) / 16;

// Where they are below the thread pointer; 0 where they were not found.
constinit std::ptrdiff_t cache_offset = 0, destructors_offset = 0;

template <class T>
T*& in_libc_tls(std::ptrdiff_t offset) noexcept {
  return *reinterpret_cast<T**>(arch::thread_pointer() + static_cast<std::uintptr_t>(offset));
}

std::ptrdiff_t end_of_libc_tls() noexcept {
  return glibc().libc_tls + static_cast<std::ptrdiff_t>(glibc().libc_tls_size / sizeof(void*) * sizeof(void*));
}

// Whether what malloc and free do shows there.
bool is_cache(const volatile MallocCache* cache) noexcept {
  constexpr std::size_t list = 41;
  void* volatile block = std::malloc(MallocCache::size(list));
  if (block == nullptr) return false;
  const std::uint16_t before = cache->count[list];
  void* const expected = block;
  std::free(block);
  if (cache->first[list] != expected || cache->count[list] != before + 1) return false;
  block = std::malloc(MallocCache::size(list));
  const bool taken = block == expected && cache->count[list] == before;
  std::free(block);
  return taken;
}

// It is a block of malloc's itself. Any other word there points to memory with a word before it, too.
void find_cache() noexcept {
  constexpr std::size_t header = sizeof(std::size_t), flags = 7;
  for (std::ptrdiff_t at = glibc().libc_tls; at < end_of_libc_tls(); at += sizeof(void*)) {
    const auto* word = in_libc_tls<std::byte>(at);
    if (reinterpret_cast<std::uintptr_t>(word) < 4096 || reinterpret_cast<std::uintptr_t>(word) % 16 != 0) continue;
    if ((*reinterpret_cast<const std::size_t*>(word - header) & ~flags) != own_cost) continue;
    if (!is_cache(reinterpret_cast<const MallocCache*>(word))) continue;
    cache_offset = at;
    return;
  }
}

void never(void*) {}

// mincore(2) tells, and reads nothing.
bool is_mapped(const void* address) noexcept {
  const auto page = reinterpret_cast<std::uintptr_t>(address) / 4096 * 4096;
  unsigned char in_core = 0;
  return mincore(reinterpret_cast<void*>(page), 1, &in_core) == 0;
}

// Registers one, sees which word leads to it, and takes it back.
void find_destructors() noexcept {
  static char object;
  constexpr std::size_t most = 64;
  LateDestructor* before[most];
  const std::size_t words = glibc().libc_tls_size / sizeof(void*);
  if (words > most) return;
  const auto offset = [](std::size_t i) { return glibc().libc_tls + static_cast<std::ptrdiff_t>(i * sizeof(void*)); };
  for (std::size_t i = 0; i < words; ++i) before[i] = in_libc_tls<LateDestructor>(offset(i));
  __cxa_thread_atexit_impl(never, &object, &object);
  for (std::size_t i = 0; i < words; ++i) {
    LateDestructor*& first = in_libc_tls<LateDestructor>(offset(i));
    if (first == before[i] || !is_mapped(first) || !is_mapped(first + 1)) continue;  // errno, a map of ld.so's
    if (first->object != &object || first->next != before[i]) continue;
    destructors_offset = offset(i);
    LateDestructor* ours = first;
    first = ours->next;
    std::free(ours);
    return;
  }
}

// One list at a time, so that a block of the arena's that is asked for meanwhile comes from another.
void empty(volatile MallocCache& cache, std::size_t list) noexcept {
  struct Block {
    Block* next;
  };
  Block* blocks = nullptr;
  while (cache.count[list] > 0) {
    auto* block = static_cast<Block*>(std::malloc(MallocCache::size(list)));
    if (block == nullptr) break;
    block->next = blocks;
    blocks = block;
  }
  cache.count[list] = MallocCache::full;
  while (blocks != nullptr) {
    Block* next = blocks->next;
    std::free(blocks);
    blocks = next;
  }
  cache.count[list] = 0;
}

// A small cache stays, so that the next greenlet finds it warm: less than the stack and the block take anyway.
void drop_large_cache() noexcept {
  constexpr std::size_t most_kept = 4096;
  MallocCache* cache = cache_offset == 0 ? nullptr : in_libc_tls<MallocCache>(cache_offset);
  if (cache == nullptr) return;
  std::size_t kept = 0;
  for (std::size_t list = 0; list < MallocCache::sizes; ++list) kept += cache->count[list] * MallocCache::cost(list);
  if (kept <= most_kept) return;
  for (std::size_t list = 0; list < MallocCache::sizes; ++list) {
    if (cache->count[list] > 0) empty(*cache, list);
  }
  // The cache itself, in the midst of what was freed, would keep its pages from the kernel.
  static_cast<volatile MallocCache*>(cache)->count[own_list] = MallocCache::full;
  std::free(cache);
  in_libc_tls<MallocCache>(cache_offset) = nullptr;
}

}  // namespace

void learn_leftovers() noexcept {
  find_cache();
  find_destructors();
}

void drop_leftovers() noexcept {
  if (dlerror() != nullptr) dlerror();  // the second call frees what the first one gave
  if (destructors_offset != 0) in_libc_tls<LateDestructor>(destructors_offset) = nullptr;
  drop_large_cache();
}

}  // namespace evergreen
