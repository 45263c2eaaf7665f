#pragma once

#include <string_view>

namespace evergreen {

inline constexpr std::string_view elf_magic = "\177ELF";

// Looks at a whole ELF file, which need not be well-formed. Throws a Refusal where nothing can be
// preloaded into it (static, other machine), or where what is preloaded would not be the libc that
// it blocks in (musl, Go, sanitizers).
void look_at_elf(std::string_view file);

}  // namespace evergreen
