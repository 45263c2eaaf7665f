#include "evergreen/patch.h"

#include <stdexcept>

#include "hub/core/library.h"

namespace evergreen::patch {

bool loaded() noexcept { return core::patch_hooks != nullptr; }

bool is_patched(const char* function) noexcept { return loaded() && core::patch_hooks->is_patched(function); }

void threads() {
  if (!loaded())
    throw std::logic_error("libevergreen-patch.so is not in this process: link it, or run `evergreen ...`");
  core::patch_hooks->convert_threads();
}

Exempt::Exempt() noexcept : greenlet_(core::current) {
  if (greenlet_ != nullptr) ++greenlet_->exempt;
}

Exempt::~Exempt() {
  if (greenlet_ != nullptr) --greenlet_->exempt;
}

}  // namespace evergreen::patch
