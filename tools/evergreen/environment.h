#pragma once

#include "tools/evergreen/options.h"

namespace evergreen {

// Sets what the loader and libevergreen-patch.so read in the program: LD_PRELOAD, EVERGREEN_STATS,
// EVERGREEN_STACK_SIZE. Throws a Refusal where the library is not found or cannot be named.
void set_environment(const Options& options);

}  // namespace evergreen
