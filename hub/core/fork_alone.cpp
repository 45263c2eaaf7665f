#include "hub/core/fork_alone.h"

#include <pthread.h>

#include <utility>

#include "greenlet/stack.h"
#include "greenlet/static_tls.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/park.h"

namespace evergreen::core {
namespace {

thread_local bool was_in_runtime;

void before_fork() {
  was_in_runtime = std::exchange(in_runtime, true);
  lock_static_tls();
  StackPool::lock_all();
}

void release_locks() noexcept {
  StackPool::unlock_all();
  unlock_static_tls();
}

void in_forking_parent() {
  release_locks();
  in_runtime = was_in_runtime;
}

// The parent's descriptors of the loop would still wake it for what the parent watches. A plain kernel thread may have
// forked while the loop was changing: then they stay, for nobody.
void begin_child() {
  release_locks();
  if (current != nullptr && Hubs::count() != 0) Hubs::at(0).close_loop();
  Hubs::stay_in_parent();
  forget_live_blocks(nullptr);
  in_runtime = was_in_runtime;
}

}  // namespace

void see_to_forks() noexcept { pthread_atfork(before_fork, in_forking_parent, begin_child); }

}  // namespace evergreen::core
