#include "greenlet/cancellation.h"

#include <atomic>

#include "greenlet/arch_x86_64.h"
#include "greenlet/glibc_layout.h"

namespace evergreen {
namespace {

// nptl's bits, the same since there is an NPTL; check_glibc() looks at the first two.
enum : int { disabled = 1, asynchronous = 2, cancelling = 4, cancelled = 8, exiting = 16, terminated = 32 };

std::atomic_ref<int> word_of(std::uintptr_t block) noexcept {
  return std::atomic_ref(*reinterpret_cast<int*>(block + glibc().cancel_handling));
}

int own_word() noexcept { return glibc().cancel_handling == 0 ? 0 : word_of(arch::thread_pointer()).load(); }

}  // namespace

Marked mark_cancelled(std::uintptr_t block) noexcept {
  const std::atomic_ref<int> word = word_of(block);
  int seen = word.load();
  do {
    if ((seen & (exiting | terminated)) != 0) return Marked::ends_already;
  } while (!word.compare_exchange_weak(seen, seen | cancelling | cancelled));
  return (seen & (disabled | asynchronous)) == asynchronous ? Marked::asynchronous : Marked::deferred;
}

bool has_cancel_pending() noexcept { return (own_word() & (disabled | cancelled | exiting | terminated)) == cancelled; }

bool is_cancelled_at_once() noexcept {
  return (own_word() & (disabled | asynchronous | cancelled | exiting | terminated)) == (asynchronous | cancelled);
}

int cancel_settings() noexcept { return own_word() & (disabled | asynchronous); }

// Others may mark it as cancelled at any time.
void set_cancel_settings(int settings) noexcept {
  static_assert(no_cancellation == disabled);
  const int wrong = cancel_settings() ^ settings;
  if (wrong != 0) word_of(arch::thread_pointer()).fetch_xor(wrong);
}

void unmark_cancelled() noexcept { word_of(arch::thread_pointer()).fetch_and(~(cancelling | cancelled)); }

void mark_ending() noexcept { word_of(arch::thread_pointer()).fetch_or(exiting); }

}  // namespace evergreen
