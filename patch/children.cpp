// Child processes that pass libc's fork handlers by. They have our descriptors too: what was private is so no more.

#include <spawn.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "greenlet/arch_x86_64.h"
#include "patch/fd_traits.h"
#include "patch/offload.h"

namespace evergreen::patch {
namespace {

// libc's functions come back when the child has begun its program. How long that takes is learnt.
template <class Spawn>
int spawn(Spawn call) {
  static constinit core::CallSite site(core::CallSite::slow);
  note_shared();
  return offloaded(site, call);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn([=] { return real.posix_spawn(child, path, actions, attributes, arguments, environment); });
}

SHIM int posix_spawnp(pid_t* child, const char* file, const posix_spawn_file_actions_t* actions,
                      const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  return spawn([=] { return real.posix_spawnp(child, file, actions, attributes, arguments, environment); });
}

// The child runs in our memory, on the caller's stack and TLS block, and the caller's kernel thread waits until it has
// begun its program. Meanwhile another carrier goes on with the hub; so the child must not be the greenlet that it
// looks like.
struct BeforeVfork {
  std::uint64_t waited_natively;  // also the child's own vfork
  std::uint64_t turn;
};

constinit core::CallSite vfork_site(core::CallSite::slow);

// The child leaves none of our frames.
alignas(core::SlowCall) constinit thread_local std::byte slow_vfork[sizeof(core::SlowCall)]{};

extern "C" [[gnu::visibility("hidden")]] BeforeVfork evergreen_before_vfork() noexcept {
  note_shared();
  const bool nested = core::waits_natively;
  if (!nested) new (slow_vfork) core::SlowCall(vfork_site);
  core::waits_natively = true;
  return {nested, std::exchange(core::my_turn, 0)};
}

// `result` is the kernel's. What the child did to descriptors was done to its own ones, but noted for ours.
extern "C" [[gnu::visibility("hidden")]] pid_t evergreen_after_vfork(long result, std::uint64_t waited_natively,
                                                                     std::uint64_t turn) noexcept {
  core::my_turn = turn;
  core::waits_natively = waited_natively != 0;
  if (!core::waits_natively) std::launder(reinterpret_cast<core::SlowCall*>(slow_vfork))->~SlowCall();
  note_shared();
  return result < 0 ? fail<pid_t>(static_cast<int>(-result)) : static_cast<pid_t>(result);
}

EVERGREEN_VFORK(vfork, evergreen_before_vfork, evergreen_after_vfork);
EVERGREEN_VFORK(__vfork, evergreen_before_vfork, evergreen_after_vfork);
