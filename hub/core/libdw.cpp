#include "hub/core/libdw.h"

#include <dlfcn.h>

namespace evergreen::core {
namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) noexcept {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool load(Libdw& functions) noexcept {
  void* library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return false;
#define FUNCTION(name) &&find(library, #name, functions.name)
  return true LIBDW_FUNCTIONS(FUNCTION);
#undef FUNCTION
}

}  // namespace

const Libdw* libdw() noexcept {
  static Libdw functions{};
  static const bool there = load(functions);
  return there ? &functions : nullptr;
}

}  // namespace evergreen::core
