// Starting a child.
#pragma once

#include <array>

#include "evergreen/process.h"

namespace evergreen {

struct Launched {
  pid_t pid;
  Descriptor pidfd;
  std::array<Descriptor, 3> pipes;  // our ends
};

// Throws std::system_error.
Launched launch(const std::vector<std::string>& arguments, const ProcessOptions& options);

}  // namespace evergreen
