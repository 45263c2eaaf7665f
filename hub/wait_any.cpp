// Order of locks: an object's, then the WaitAny's. An object whose wake-up has been heard may be destroyed by its owner
// as soon as it has been given: so before that its lock is taken once more, and whoever woke it has let go of it.
#include "evergreen/detail/wait_any.h"

#include <utility>

namespace evergreen::detail {

WaitAny::WaitAny(std::vector<std::shared_ptr<const Waitable>> objects) : entries_(objects.size()) {
  for (std::size_t i = 0; i < objects.size(); ++i) {
    Entry& entry = entries_[i];
    entry.owner = this;
    entry.object = std::move(objects[i]);
    const WaitList::Guard guard(entry.object->waiters_);
    entry.object->is_ready() ? entry.hear() : entry.object->waiters_.add(entry);
  }
}

WaitAny::~WaitAny() {
  for (Entry& entry : entries_) {
    if (entry.object == nullptr) continue;
    const WaitList::Guard guard(entry.object->waiters_);
    if (entry.is_linked()) entry.unlink();
  }
}

void WaitAny::add_ready(Entry& entry) noexcept {
  const WaitList::Guard guard(waiters_);
  (last_ready_ == nullptr ? first_ready_ : last_ready_->next_ready) = &entry;
  last_ready_ = &entry;
  waiters_.wake_one();
}

WaitAny::Entry* WaitAny::take_ready(Deadline deadline) {
  WaitList::Guard guard(waiters_);
  const bool any = waiters_.wait_until(
      guard, [this] { return first_ready_ != nullptr; }, "wait", deadline);
  if (!any) return nullptr;
  Entry* const entry = std::exchange(first_ready_, first_ready_->next_ready);
  if (first_ready_ == nullptr) last_ready_ = nullptr;
  return entry;
}

std::optional<std::size_t> WaitAny::next(Deadline deadline) {
  Entry* const entry = take_ready(deadline);
  if (entry == nullptr) return std::nullopt;
  { const WaitList::Guard guard(entry->object->waiters_); }
  entry->object.reset();
  return static_cast<std::size_t>(entry - entries_.data());
}

}  // namespace evergreen::detail
