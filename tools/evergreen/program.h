#pragma once

#include <optional>
#include <string>

namespace evergreen {

// The path that execvp(name) would run. A name with a slash is one already, whether or not it exists.
std::optional<std::string> find_program(const std::string& name);

// Throws a Refusal where the program at `path` cannot be preloaded. Of a script, all interpreters
// up to the last are looked at, and the program that "#!/usr/bin/env NAME" names.
void look_at_program(const std::string& path);

}  // namespace evergreen
