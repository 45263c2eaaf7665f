// The hub of library mode: where the greenlets of C++ programs live.
#pragma once

#include "hub/core/hub.h"

namespace evergreen::core {

// All of them live on one hub, the process's first, and share the main greenlet's TLS block: so none runs while another
// does, and what two of them share needs no lock unless they wait in between. It is started by the first use of the
// library on the main thread. In a forked child it starts afresh, with the calling greenlet alone.
//
// Throws std::logic_error where it does not run yet and this is not the main thread, or in a child that a plain kernel
// thread has forked; std::runtime_error on a glibc that does not hold what evergreen needs; std::system_error.
Hub& library_hub();

// What the patch has for it, once it is loaded.
struct PatchHooks {
  Hub& (*start_hub)();  // starts the first hub, or restarts it in a forked child. Throws as Hub::start()
  bool (*is_patched)(const char* function) noexcept;
  void (*convert_threads)() noexcept;
};
extern constinit const PatchHooks* patch_hooks;

}  // namespace evergreen::core
