#include "hub/core/can_migrate.h"

#include "hub/core/hub.h"
#include "hub/core/park.h"
#include "hub/core/settings.h"

namespace evergreen::core {

bool can_migrate() noexcept { return can_park() && !Hub::is_kept(my_turn) && settings().carriers > 1; }

}  // namespace evergreen::core
