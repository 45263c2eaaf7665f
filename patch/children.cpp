// Child processes that pass libc's fork handlers by. They have our descriptors too: what was private is so no more.

#include <spawn.h>

#include "greenlet/arch_x86_64.h"
#include "patch/fd_traits.h"
#include "patch/offload.h"

namespace evergreen::patch {
namespace {

// libc's functions come back when the child has begun its program. How long that takes is learnt.
template <class Spawn>
int spawn(Spawn call) {
  static constinit core::CallSite site;
  note_shared();
  return offloaded(site, call);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

SHIM int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn([=] { return real.posix_spawn(child, path, actions, attributes, arguments, environment); });
}

SHIM int posix_spawnp(pid_t* child, const char* file, const posix_spawn_file_actions_t* actions,
                      const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn([=] { return real.posix_spawnp(child, file, actions, attributes, arguments, environment); });
}

// vfork returns twice, on the stack that it was called with: our frame must be gone when libc's begins.
using Vfork = pid_t (*)();
extern "C" [[gnu::visibility("hidden")]] Vfork evergreen_before_vfork() noexcept {
  note_shared();
  return real.vfork;
}

EVERGREEN_BECOMES(vfork, evergreen_before_vfork);
EVERGREEN_BECOMES(__vfork, evergreen_before_vfork);
