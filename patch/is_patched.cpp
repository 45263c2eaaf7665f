#include "patch/is_patched.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace evergreen::patch {
namespace {

#define UNHOOKED(name, why)
#define INSIDE(name, version, how, follows)
constexpr std::string_view hooked[] = {
#define HOOK(name, version, how, follows) #name,
#include "patch/hooks.def"
#undef HOOK
};
#undef UNHOOKED
#undef INSIDE

const void* module_of(const void* address) noexcept {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

}  // namespace

// Where libc comes before us in the search, because the program was linked so, its own functions are found.
bool is_patched(const char* function) noexcept {
  if (std::find(std::begin(hooked), std::end(hooked), function) == std::end(hooked)) return false;
  const void* found = dlsym(RTLD_DEFAULT, function);
  return found != nullptr && module_of(found) == module_of(hooked);
}

}  // namespace evergreen::patch
