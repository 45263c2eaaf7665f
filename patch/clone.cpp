// clone(2), by libc's function and as a bare system call: where it makes a process it passes the handlers of fork by.
// Where it makes a thread, that is one of the kernel's, and the program's own business.

#include <linux/sched.h>
#include <sys/syscall.h>

#include <cstdarg>

#include "patch/fd_traits.h"
#include "patch/fork.h"
#include "patch/raw_calls.h"
#include "patch/shim.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// With memory, descriptors and TLS block of its own, as fork makes it.
bool is_like_fork(std::uint64_t flags) noexcept { return (flags & (CLONE_VM | CLONE_FILES | CLONE_SETTLS)) == 0; }

// fork() makes the child.
template <class Fork>
long noted_fork(Fork fork) noexcept {
  note_shared();
  const long child = fork();
  if (child == 0) {
    begin_raw_child();
  } else {
    note_shared();
  }
  return child;
}

struct Start {
  int (*run)(void*);
  void* argument;
};

int begin_and_run(void* copied) noexcept {
  const Start start = *static_cast<const Start*>(copied);
  begin_raw_child();
  return start.run(start.argument);
}

template <class Clone>
int noted_clone(Clone clone, int (*run)(void*), void* stack, int flags, void* argument,
                void* const (&more)[3]) noexcept {
  const bool noted = run != nullptr && stack != nullptr && is_like_fork(static_cast<unsigned>(flags));
  if (!noted) return clone(run, stack, flags, argument, more[0], more[1], more[2]);
  Start start{run, argument};
  note_shared();
  const int child = clone(begin_and_run, stack, flags, &start, more[0], more[1], more[2]);
  note_shared();
  return child;
}

}  // namespace

long raw_fork(Arguments given) noexcept {
  return noted_fork([given] { return ask_kernel(SYS_fork, given); });
}

// A child with a stack of its own does not come back here.
long raw_clone(Arguments given) noexcept {
  const auto call = [given] { return ask_kernel(SYS_clone, given); };
  return given[1] == 0 && is_like_fork(static_cast<std::uint64_t>(given[0])) ? noted_fork(call) : call();
}

long raw_clone3(Arguments given) noexcept {
  const auto call = [given] { return ask_kernel(SYS_clone3, given); };
  const auto* how = argument<const clone_args*>(given[0]);
  const bool readable = given[1] >= CLONE_ARGS_SIZE_VER0 && is_readable(how, CLONE_ARGS_SIZE_VER0);
  return readable && how->stack == 0 && is_like_fork(how->flags) ? noted_fork(call) : call();
}

}  // namespace evergreen::patch

using namespace evergreen::patch;

// Variadic in C: three more arguments are fetched, whatever was given, as libc does.
SHIM int clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept {
  std::va_list rest;
  va_start(rest, argument);
  void* const more[] = {va_arg(rest, void*), va_arg(rest, void*), va_arg(rest, void*)};
  va_end(rest);
  return noted_clone(real.clone, run, stack, flags, argument, more);
}

SHIM int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...) noexcept {
  std::va_list rest;
  va_start(rest, argument);
  void* const more[] = {va_arg(rest, void*), va_arg(rest, void*), va_arg(rest, void*)};
  va_end(rest);
  return noted_clone(real.__clone, run, stack, flags, argument, more);
}
