#pragma once

#include <cstddef>

namespace evergreen::core {

// The EVERGREEN_* variables, one field each; settings.def is the list.
struct Settings {
#define SETTING(field, variable, fallback, meaning) std::size_t field = fallback;
#include "hub/core/settings.def"
#undef SETTING
};

// Reads the environment. A value that is no number is reported in one line and not used.
Settings read_settings() noexcept;

// As they were read at the first call. Threads: any; but the first call must not race with setenv.
const Settings& settings() noexcept;

}  // namespace evergreen::core
