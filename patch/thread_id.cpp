#include "patch/thread_id.h"

#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

// 0 for the hub's own code, and for kernel threads.
pid_t own_id() noexcept {
  if (!started() || core::current == nullptr) return 0;
  return core::current->shares_block() ? getpid() : thread_id();  // that of a mutex's owner is another
}

}  // namespace

Thread* greenlet_of(pid_t id) noexcept {
  if (!started()) return nullptr;
  const pid_t own = own_id();
  if (id == 0 || id == own) return is_made_up(own) ? &Thread::running() : nullptr;
  const core::Runtime runtime;
  const Stack* stack = is_made_up(id) ? find_live_block(id) : nullptr;
  return stack == nullptr ? nullptr : static_cast<Thread*>(const_cast<void*>(stack->owner));  // a loop's has none
}

pid_t id_to_ask_about(pid_t id) noexcept { return greenlet_of(id) != nullptr ? 0 : id; }

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Asked anew each time: a child made by a raw fork has the TLS block of its parent.
SHIM pid_t gettid() noexcept {
  if (!started() || core::current == nullptr || core::waits_natively) return real.gettid();
  return &Thread::running() == &main_thread() ? getpid() : own_id();
}
