// Child processes that pass libc's fork handlers by. They have our descriptors too: what was private is so no more.

#include <spawn.h>

#include "patch/fd_traits.h"
#include "patch/shim.h"

using namespace evergreen::patch;

SHIM int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  note_shared();
  return real.posix_spawn(child, path, actions, attributes, arguments, environment);
}

SHIM int posix_spawnp(pid_t* child, const char* file, const posix_spawn_file_actions_t* actions,
                      const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  note_shared();
  return real.posix_spawnp(child, file, actions, attributes, arguments, environment);
}

// vfork returns twice, on the stack that it was called with: our frame must be gone when libc's begins.
extern "C" [[gnu::visibility("hidden")]] auto evergreen_before_vfork() noexcept {
  note_shared();
  return real.vfork;
}

asm(R"(
  .pushsection .text
  .globl vfork
  .type vfork, @function
  .globl __vfork
  .type __vfork, @function
vfork:
__vfork:
  .cfi_startproc
  sub $8, %rsp
  .cfi_adjust_cfa_offset 8
  call evergreen_before_vfork
  add $8, %rsp
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size vfork, . - vfork
  .size __vfork, . - __vfork
  .popsection
)");
