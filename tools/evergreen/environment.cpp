#include "tools/evergreen/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "tools/evergreen/refusal.h"

namespace evergreen {
namespace {

namespace fs = std::filesystem;

constexpr char library_name[] = "libevergreen-patch.so";
constexpr std::string_view preload_separators = " :";

// Relative to this program, so that a moved build tree or prefix goes on working.
std::string find_library() {
  std::error_code ignored;
  const auto here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const auto installed = fs::path(EVERGREEN_LIBDIR).lexically_relative(EVERGREEN_BINDIR);
  for (const auto& folder : {here / "../patch", here / installed}) {
    const auto path = (folder / library_name).lexically_normal();
    if (fs::exists(path, ignored)) return path;
  }
  throw Refusal{std::string(library_name) + ": found neither beside " + here.string() + " nor in its " +
                installed.string() + "; build or install it"};
}

bool names(std::string_view list, std::string_view path) {
  for (;;) {
    const auto end = list.find_first_of(preload_separators);
    if (list.substr(0, end) == path) return true;
    if (end == list.npos) return false;
    list.remove_prefix(end + 1);
  }
}

}  // namespace

void set_environment(const Options& options) {
  const auto library = find_library();
  if (library.find_first_of(preload_separators) != library.npos) {
    throw Refusal{library + ": LD_PRELOAD can hold no path with a space or colon; move it"};
  }
  const char* inherited = getenv("LD_PRELOAD");
  const std::string preload = inherited != nullptr ? inherited : "";
  if (!names(preload, library)) {
    setenv("LD_PRELOAD", (preload.empty() ? library : library + ":" + preload).c_str(), 1);
  }
  // By pid, which exec keeps: the program's own children inherit the variable, but print nothing.
  if (options.stats) setenv("EVERGREEN_STATS", std::to_string(getpid()).c_str(), 1);
  if (options.hubs) setenv("EVERGREEN_HUBS", std::to_string(*options.hubs).c_str(), 1);
  if (options.stack_size) {
    setenv("EVERGREEN_STACK_SIZE", std::to_string(*options.stack_size).c_str(), 1);
  }
}

}  // namespace evergreen
