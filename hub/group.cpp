#include "evergreen/group.h"

#include "evergreen/pool.h"

namespace evergreen {

void Group::add(const AnyGreenlet& greenlet, Deadline deadline) {
  if (greenlet.dead() || state_->contains(greenlet)) return;
  detail::GroupState::Slot slot = state_->take_slot(deadline);
  if (!slot) throw PoolFull();
  state_->add(greenlet, std::move(slot));
}

}  // namespace evergreen
