// Looks whether a program can be preloaded, then executes it in this process's place: pid, stdin,
// signals and exit status are then the program's own.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "tools/evergreen/environment.h"
#include "tools/evergreen/options.h"
#include "tools/evergreen/program.h"
#include "tools/evergreen/refusal.h"

namespace {

using namespace evergreen;

[[noreturn]] void run(const Options& options) {
  const std::string name = options.command[0];
  try {
    const auto path = find_program(name);
    if (!path) throw Refusal{"not found on PATH; check its name, or write its path", not_found};
    look_at_program(*path);
    set_environment(options);
    execv(path->c_str(), options.command);
    throw Refusal{std::strerror(errno) + std::string("; see execve(2)"), cannot_exec};
  } catch (const Refusal& refusal) {
    throw Refusal{name + ": " + refusal.why, refusal.status};
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse_options(argc, argv));
  } catch (const Refusal& refusal) {
    std::fprintf(stderr, "evergreen: %s\n", refusal.why.c_str());
    return refusal.status;
  }
}
