#include "greenlet/resolver_state.h"

#include "greenlet/arch_x86_64.h"
#include "greenlet/glibc_layout.h"

namespace evergreen {
namespace {

// libc's thread-local pointer to the state, which start_thread sets.
struct __res_state*& running_state() noexcept {
  return *reinterpret_cast<struct __res_state**>(arch::thread_pointer() +
                                                 static_cast<std::uintptr_t>(glibc().resolver_state));
}

}  // namespace

ResolverState::ResolverState() noexcept : before_(running_state()) { running_state() = &state_; }

ResolverState::~ResolverState() {
  if (state_.nscount != 0) res_nclose(&state_);  // without servers it was never used, and its sockets read as number 0
  running_state() = before_;
}

}  // namespace evergreen
