#pragma once

#include <cstdint>
#include <optional>

namespace evergreen {

struct Options {
  bool stats = false;
  std::optional<uint64_t> stack_size;  // bytes
  std::optional<unsigned> hubs;
  char** command = nullptr;  // PROGRAM and its arguments, up to a null
};

// Answers --help and --version itself, and exits. Throws a Refusal where the line makes no sense.
Options parse_options(int argc, char** argv);

}  // namespace evergreen
