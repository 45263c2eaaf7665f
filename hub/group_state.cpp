#include "evergreen/detail/group_state.h"

#include <utility>

#include "evergreen/pool.h"

namespace evergreen::detail {

GroupState::Slot GroupState::take_slot(Deadline deadline) { return slots.acquire(deadline) ? Slot(*this) : Slot(); }

// The link is made last: if the greenlet is dead by then, it removes it again.
void GroupState::add(const AnyGreenlet& greenlet, Slot slot) {
  Members one;
  one.emplace(greenlet.id(), Member{greenlet});
  Members::node_type node = one.extract(one.begin());
  {
    const WaitList::Guard guard(waiters_);
    auto added = members_.insert(std::move(node));
    if (!added.inserted) {
      node = std::move(added.node);
      return;
    }
  }
  slot.give_away();
  const auto leave = [self = shared_from_this()](const AnyGreenlet& dead) {
    if (!self->remove(dead.id()).empty()) self->slots.release();
  };
  const std::uint64_t link = greenlet.state()->add_link(leave, GreenletState::Called::in_place);
  const WaitList::Guard guard(waiters_);
  const auto member = members_.find(greenlet.id());
  if (member != members_.end()) member->second.link = link;
}

// The node is destroyed outside of the Guard, and with it perhaps the greenlet's result.
GroupState::Members::node_type GroupState::remove(std::uint64_t id) {
  const WaitList::Guard guard(waiters_);
  Members::node_type node = members_.extract(id);
  if (!node.empty() && members_.empty()) {
    ++times_empty_;
    waiters_.wake_all();
  }
  return node;
}

void GroupState::discard(const AnyGreenlet& greenlet) {
  const Members::node_type node = remove(greenlet.id());
  if (node.empty()) return;
  greenlet.unlink(node.mapped().link);
  slots.release();
}

bool GroupState::join(Deadline deadline, bool raise_error) {
  const std::vector<AnyGreenlet> now = raise_error ? greenlets() : std::vector<AnyGreenlet>();
  bool was_empty = false;
  {
    WaitList::Guard guard(waiters_);
    const std::uint64_t before = times_empty_;
    const auto is_over = [&] { return members_.empty() || times_empty_ != before; };
    was_empty = waiters_.wait_until(guard, is_over, "Group::join", deadline);
  }
  for (const AnyGreenlet& greenlet : now) {
    if (const std::exception_ptr error = greenlet.exception()) std::rethrow_exception(error);
  }
  return was_empty;
}

// Those that have not been told yet.
std::vector<AnyGreenlet> GroupState::tell_of_death() {
  std::vector<AnyGreenlet> untold;
  const WaitList::Guard guard(waiters_);
  for (auto& [id, member] : members_) {
    if (!std::exchange(member.is_dying, true)) untold.push_back(member.greenlet);
  }
  return untold;
}

// Until it is empty: those who die may spawn others.
bool GroupState::kill(const std::exception_ptr& exception, Deadline deadline) {
  for (;;) {
    const AnyGreenlet self = getcurrent();
    bool is_told_too = false;
    for (const AnyGreenlet& greenlet : tell_of_death()) {
      greenlet == self ? is_told_too = true : greenlet.kill(exception, Deadline::now());
    }
    if (is_told_too) self.kill(exception);  // throws
    const std::vector<AnyGreenlet> left = greenlets();
    if (left.empty()) return true;
    for (const AnyGreenlet& greenlet : left) {
      if (!greenlet.join(deadline)) return false;
    }
  }
}

bool GroupState::kill_one(const AnyGreenlet& greenlet, const std::exception_ptr& exception, Deadline deadline) {
  {
    const WaitList::Guard guard(waiters_);
    const auto member = members_.find(greenlet.id());
    if (member == members_.end() || std::exchange(member->second.is_dying, true)) return greenlet.dead();
  }
  return greenlet.kill(exception, deadline);
}

bool GroupState::contains(const AnyGreenlet& greenlet) const {
  const WaitList::Guard guard(waiters_);
  return members_.contains(greenlet.id());
}

std::size_t GroupState::count() const {
  const WaitList::Guard guard(waiters_);
  return members_.size();
}

std::vector<AnyGreenlet> GroupState::greenlets() const {
  std::vector<AnyGreenlet> all;
  const WaitList::Guard guard(waiters_);
  all.reserve(members_.size());
  for (const auto& [id, member] : members_) all.push_back(member.greenlet);
  return all;
}

}  // namespace evergreen::detail
