#include "evergreen/detail/local_values.h"

#include <algorithm>
#include <atomic>

#include "evergreen/detail/greenlet_state.h"
#include "hub/core/park.h"

namespace evergreen::detail {

void* LocalValues::find(std::uint64_t local) const noexcept {
  for (const Entry& entry : entries_) {
    if (entry.local == local) return entry.value;
  }
  return nullptr;
}

void LocalValues::add(std::uint64_t local, void* value, Destroy destroy) noexcept {
  entries_.push_back({local, value, destroy});
}

void LocalValues::remove(std::uint64_t local) noexcept {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.local == local; });
  if (found == entries_.end()) return;
  const Entry entry = *found;
  entries_.erase(found);
  entry.destroy(entry.value);
}

void LocalValues::clear() noexcept {
  while (!entries_.empty()) {
    const Entry entry = entries_.back();
    entries_.pop_back();
    entry.destroy(entry.value);
  }
}

// A stack that the library has not made ends with its thread, and thread_local variables are destroyed in it then.
LocalValues& local_values() {
  auto* const state = static_cast<GreenletState*>(core::current_or_thread().identity.get());
  LocalValues* const own = state != nullptr ? state->locals() : nullptr;
  if (own != nullptr) return *own;
  static thread_local LocalValues of_thread;
  return of_thread;
}

std::uint64_t next_local() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace evergreen::detail
