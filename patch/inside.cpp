// Why code is overwritten. All of stdio (getline, printf, scanf, perror, std::cin, ...) reads and writes through two
// functions, and its locks come to two more where they are contended. libc calls these directly, so no shim sees them.
// Shims around stdio's hundred entries would cost each getc something, and would still miss the locks that are taken
// inside: reading stdin flushes stdout, fflush(NULL) holds the list that fopen needs, error(3) prints. Four functions
// are complete, and cost nothing until somebody waits.
//
// Why it is sound. The functions are found by their exported names; their prototypes have been the same since 2.34,
// when threads moved into libc. Ours do all that libc's do, so nothing ever calls the old code. Five bytes are written
// within one aligned word while the process has one thread, so nobody is inside. Code is never without the permission
// to execute: a system that refuses to have it writable too (SELinux, systemd's MemoryDenyWriteExecute) refuses before
// anything has changed. Other copies of libc (dlmopen) keep their own code.

#include "patch/inside.h"

#include <sys/mman.h>
#include <sys/single_threaded.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "patch/shim.h"

namespace evergreen::patch {
namespace {

struct Row {
  const char* name;
  const char* version;
  const void* ours;
};

#define HOOK(name, version, how, follows)
#define UNHOOKED(name, why)
const Row rows[] = {
#define INSIDE(name, version, how, follows) {#name, version, reinterpret_cast<const void*>(&inside::name)},
#include "patch/hooks.def"
#undef INSIDE
};
#undef HOOK
#undef UNHOOKED

constexpr std::uintptr_t page_size = 4096, word_size = sizeof(std::uint64_t);

// A function's first word, to be replaced by one that begins with "jmp ours".
class Entry {
 public:
  // Whether there is such a function, and ours can be reached from it.
  bool find(const Row& row) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(dlvsym(RTLD_NEXT, row.name, row.version));
    const auto target = reinterpret_cast<std::uintptr_t>(row.ours);
    if (begin == 0 || begin % word_size != 0) return false;
    const auto distance = static_cast<std::int64_t>(target - begin - jump_size);
    const auto offset = static_cast<std::int32_t>(distance);
    if (offset != distance) return false;
    constexpr unsigned char jump = 0xe9;
    word_ = reinterpret_cast<std::uint64_t*>(begin);
    std::memcpy(&replaced_, word_, sizeof replaced_);
    std::memcpy(&replaced_, &jump, sizeof jump);
    std::memcpy(reinterpret_cast<char*>(&replaced_) + sizeof jump, &offset, sizeof offset);
    return true;
  }

  [[nodiscard]] bool protect(int protection) const noexcept {
    const auto page = reinterpret_cast<std::uintptr_t>(word_) / page_size * page_size;
    return mprotect(reinterpret_cast<void*>(page), page_size, protection) == 0;
  }

  void replace() const noexcept { __atomic_store_n(word_, replaced_, __ATOMIC_SEQ_CST); }

 private:
  static constexpr std::uintptr_t jump_size = 5;

  std::uint64_t* word_ = nullptr;
  std::uint64_t replaced_ = 0;
};

bool has_threads_inside() noexcept { return dlvsym(RTLD_NEXT, "pthread_create", "GLIBC_2.34") != nullptr; }

}  // namespace

void replace_inside_libc() noexcept {
  std::array<Entry, std::size(rows)> entries;
  if (__libc_single_threaded == 0 || !has_threads_inside()) return;
  bool ready = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].find(rows[i])) return;
  }
  // All or none: who waits in our way is woken in no other.
  for (const Entry& entry : entries) ready = ready && entry.protect(PROT_READ | PROT_WRITE | PROT_EXEC);
  for (const Entry& entry : entries) {
    if (ready) entry.replace();
  }
  for (const Entry& entry : entries) static_cast<void>(entry.protect(PROT_READ | PROT_EXEC));
}

}  // namespace evergreen::patch
