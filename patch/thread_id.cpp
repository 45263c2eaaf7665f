#include "patch/thread_id.h"

#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

// 0 for the hub's own code, and for kernel threads.
pid_t own_id() noexcept { return started() && core::current != nullptr ? thread_id() : 0; }

}  // namespace

bool is_of_greenlet(pid_t id) noexcept {
  if (!started()) return false;
  const pid_t own = own_id();
  if (id == 0 || id == own) return is_made_up(own);
  const core::Runtime runtime;
  return is_made_up(id) && is_live_thread_id(id);
}

pid_t id_to_ask_about(pid_t id) noexcept { return is_of_greenlet(id) ? 0 : id; }


}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// The main thread is asked anew each time: a child made by a raw fork has the TLS block of its parent.
SHIM pid_t gettid() noexcept {
  if (!started() || core::current == nullptr) return real.gettid();
  return core::current == &main_thread() ? getpid() : thread_id();
}
