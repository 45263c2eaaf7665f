#pragma once

#include <cstddef>

namespace evergreen::core {

// The EVERGREEN_* variables, one field each; settings.def is the list.
struct Settings {
#define SETTING(field, variable, fallback, meaning) std::size_t field = fallback;
#include "hub/core/settings.def"
#undef SETTING
};

// Read from the environment at the first call. A value that is no number is reported in one line and not used.
// Threads: any; but the first call must not race with setenv.
const Settings& settings() noexcept;

}  // namespace evergreen::core
