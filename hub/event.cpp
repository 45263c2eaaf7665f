#include "evergreen/event.h"

namespace evergreen {

using detail::WaitList;

void Event::set() {
  const WaitList::Guard guard(waiters_);
  if (set_) return;
  set_ = true;
  waiters_.wake_all();
}

void Event::clear() {
  const WaitList::Guard guard(waiters_);
  set_ = false;
}

// Who is chosen has been woken by set(), even if the flag has been cleared since.
bool Event::wait(Deadline deadline) {
  WaitList::Guard guard(waiters_);
  return set_ || waiters_.wait(guard, "Event::wait", deadline) || set_;
}

}  // namespace evergreen
