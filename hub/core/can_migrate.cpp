#include "hub/core/can_migrate.h"

#include "hub/core/park.h"
#include "hub/core/settings.h"

namespace evergreen::core {

// Every greenlet that there is today has its own block. Where library mode makes others, this is the place to ask for
// it.
bool can_migrate() noexcept { return can_park() && settings().carriers > 1; }

}  // namespace evergreen::core
