#pragma once

namespace evergreen::patch {

// Whether the program's calls of that function of libc come to us.
bool is_patched(const char* function) noexcept;

}  // namespace evergreen::patch
