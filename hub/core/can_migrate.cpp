#include "hub/core/can_migrate.h"

#include "hub/core/park.h"
#include "hub/core/settings.h"

namespace evergreen::core {

bool can_migrate() noexcept { return can_park() && !current->shares_block() && settings().carriers > 1; }

}  // namespace evergreen::core
