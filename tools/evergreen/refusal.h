#pragma once

#include <string>

namespace evergreen {

// Thrown where a program cannot be run; main() prints it as one line and exits with `status`.
struct Refusal {
  std::string why;  // "what is wrong; what to do"
  int status = 2;
};

inline constexpr int not_found = 127;  // the statuses with which shells say the same
inline constexpr int cannot_exec = 126;

}  // namespace evergreen
