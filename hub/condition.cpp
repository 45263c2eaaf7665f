#include "evergreen/condition.h"

namespace evergreen {

using detail::WaitList;

Condition::Turn::Turn(WaitList& list) : list_(list) {
  const WaitList::Guard guard(list_);
  list_.add(me_);
}

Condition::Turn::~Turn() {
  if (is_over_) return;
  const WaitList::Guard guard(list_);
  if (me_.is_linked()) me_.unlink();
  if (me_.chosen) list_.wake_one();
}

bool Condition::Turn::wait(Deadline deadline) {
  WaitList::Guard guard(list_);
  const bool notified = list_.wait(guard, me_, "Condition::wait", deadline);
  is_over_ = true;
  return notified;
}

void Condition::notify_one() {
  const WaitList::Guard guard(waiters_);
  waiters_.wake_one();
}

void Condition::notify_all() {
  const WaitList::Guard guard(waiters_);
  waiters_.wake_all();
}

}  // namespace evergreen
