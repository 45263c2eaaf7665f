// Around fork. The child has the calling greenlet only, and most children run another program soon, or make no thread:
// so it gets no hub. It only lets go of the parent's, which takes no memory and few system calls, and then waits in the
// kernel like any process without threads. The hub comes with its first thread.

#include "patch/fork.h"

#include <unistd.h>

#include <exception>
#include <new>
#include <utility>

#include "greenlet/fatal.h"
#include "greenlet/stack.h"
#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "patch/fd_traits.h"
#include "patch/libc_private.h"
#include "patch/once.h"
#include "patch/own_descriptors.h"
#include "patch/pending_signals.h"
#include "patch/shared_memory.h"
#include "patch/shim.h"
#include "patch/signal_actions.h"
#include "patch/signal_timer.h"
#include "patch/thread.h"
#include "patch/thread_name.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// libc's fork takes locks after the last handler. It must not park for them: it holds ours. The lock of the list of
// streams, which fflush(NULL) may hold for long, is had before; libc gives it back in the child by itself.
thread_local bool was_in_runtime;

void before_fork() {
  note_shared();  // and once more when it is done, for what is made meanwhile
  if (!started()) return;
  _IO_list_lock();
  was_in_runtime = std::exchange(core::in_runtime, true);
  lock_static_tls();
  StackPool::lock_all();
  lock_shared_memory();
  action_lock.lock();
}

void release_locks() noexcept {
  action_lock.unlock();
  unlock_shared_memory();
  StackPool::unlock_all();
  unlock_static_tls();
}

void in_forking_parent() {
  note_shared();
  if (!started()) return;
  release_locks();
  core::in_runtime = was_in_runtime;
  _IO_list_unlock();
}

void begin_child() noexcept {
  note_shared();
  if (!started()) return;
  const bool was_first = core::current == nullptr || &Thread::running() == &Thread::first();
  release_locks();
  core::Hubs::stay_in_parent();
  forget_live_blocks(core::current != nullptr && !core::current->shares_block() ? core::current->stack : nullptr);
  forget_sleepers();
  forget_deferred_signals();
  forget_timers();
  close_guarded_descriptors();
  forget_main_exit();
  if (core::current != nullptr) Thread::running().go_on_alone(*core::current);
  if (!was_first) give_process_own_name();
}

void begin_forked_child() {
  begin_child();
  if (!started()) return;
  core::in_runtime = was_in_runtime;
  learn_fork_generation();
  if (core::current != nullptr && &Thread::running() != &main_thread()) leave_glibc_lists();
}

// Locks: last before the fork, first after it. The program's own handlers wait for locks, and others must run then.
[[gnu::constructor]] void watch_forks() { pthread_atfork(before_fork, in_forking_parent, begin_forked_child); }

}  // namespace

void begin_raw_child() noexcept { begin_child(); }

bool is_vfork_child() noexcept { return core::waits_natively && getpid() != core::Hubs::process(); }

void restart_hub_or_throw() {
  const core::Runtime runtime;
  draw_thread_ids();
  make_wait_table();
  forget_pending_signals();
  new (&Thread::running().signals) PendingSignals;
  hub()->restart_after_fork(*core::current);
}

bool restart_hub() noexcept {
  const bool has_left_hub = started() && core::current != nullptr && core::waits_natively && !core::in_runtime;
  if (!has_left_hub || is_vfork_child()) return false;
  const int saved = errno;
  bool made = true;
  try {
    restart_hub_or_throw();
  } catch (const std::exception& error) {
    report("the threads of a forked child stay kernel threads: %s", error.what());
    made = false;
  }
  errno = saved;
  return made;
}

}  // namespace evergreen::patch

using namespace evergreen::patch;

// Async-signal-safe. Runs no handlers of pthread_atfork.
SHIM pid_t _Fork() noexcept {
  note_shared();
  const pid_t child = real._Fork();
  if (child == 0) {
    begin_raw_child();
  } else {
    note_shared();
  }
  return child;
}
