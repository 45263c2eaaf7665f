#include "patch/start.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "greenlet/fatal.h"
#include "greenlet/glibc_layout.h"
#include "greenlet/leftovers.h"
#include "greenlet/overflow.h"
#include "greenlet/static_tls.h"
#include "greenlet/tls_block.h"
#include "hub/core/carrier.h"
#include "hub/core/hubs.h"
#include "hub/core/settings.h"
#include "patch/cancel.h"
#include "patch/fd_traits.h"
#include "patch/inside.h"
#include "patch/libc_private.h"
#include "patch/once.h"
#include "patch/own_descriptors.h"
#include "patch/shared_memory.h"
#include "patch/signals.h"
#include "patch/thread.h"
#include "patch/thread_name.h"
#include "patch/wait_table.h"

namespace evergreen::patch {

constinit std::atomic<bool> hub_started{false};

namespace {

constinit core::Hub* the_hub = nullptr;

void describe(const void* owner, char* text, unsigned long size) noexcept {
  const auto* thread = static_cast<const Thread*>(owner);
  std::snprintf(text, size, "greenlet %lu (pthread %p)", static_cast<unsigned long>(thread->id),
                reinterpret_cast<void*>(thread->block()));
}

// What a process that has just begun needs before its first greenlet, and what a forked child needs anew.
void begin_process() {
  draw_thread_ids();
  learn_fork_generation();
  make_wait_table();
}

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
}

void release_locks() {
  core::in_runtime = was_in_runtime;
  unlock_shared_memory();
  StackPool::unlock_all();
  unlock_static_tls();
}

void in_forking_parent() {
  note_shared();
  if (!started()) return;
  release_locks();
  _IO_list_unlock();
}

void release_in_child() {
  note_shared();
  if (started()) release_locks();
}

// The child of fork has the calling greenlet only; the hub's descriptors are shared with the parent and must go.
void restart_in_child() {
  const core::Runtime runtime;
  if (core::current == nullptr) return;  // forked by a kernel thread that runs no greenlets
  if (core::current != &core::Hubs::main_greenlet()) {
    leave_glibc_lists();
    give_process_own_name();
  }
  forget_main_exit();
  static_cast<Thread*>(core::current)->forget_joiner();
  begin_process();
  close_guarded_descriptors();
  restart_signals_after_fork();
  the_hub->restart_after_fork(*core::current);
}

// Locks: last before the fork, first after it. The program's own handlers wait for locks, and others must run then.
[[gnu::constructor]] void watch_forks() { pthread_atfork(before_fork, in_forking_parent, release_in_child); }

// A new hub needs memory, so it comes after the handlers of all that was there before the first thread: an allocator's
// (jemalloc) give its locks back in the child. They find the parent's hub: good for all but waiting and making threads.
void restart_after_forks() { pthread_atfork(nullptr, nullptr, restart_in_child); }

// What handlers could not do on the spot, for they had interrupted hub code.
void on_wake() noexcept {
  wake_deferred();
  route_deferred_signals();
}

core::Hub* try_start() noexcept {
  if (const char* wrong = check_glibc()) {
    report("threads stay kernel threads: this glibc does not hold what evergreen needs (%s)", wrong);
    return nullptr;
  }
  const core::Runtime runtime;  // what is made here is the hub's own
  try {
    learn_leftovers();
    learn_process_name();
    begin_process();
    read_default_attributes();
    replace_inside_libc();
    the_hub = &core::Hub::start(main_thread());
    the_hub->on_wake = on_wake;
    start_signals();
    start_cancellation();
    let_main_end();
    restart_after_forks();
  } catch (const std::exception& error) {
    report("threads stay kernel threads: %s", error.what());
    return nullptr;
  }
  report_stack_overflows(describe);
  return the_hub;
}

// How many kernel threads the process has. Those that the program or libc made natively are not in Carriers::peak().
unsigned long kernel_threads() noexcept {
  char text[4096];
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (size <= 0) return 1;
  text[size] = '\0';
  const char* line = std::strstr(text, "\nThreads:");
  return line == nullptr ? 1 : std::strtoul(line + 9, nullptr, 10);
}

// --stats, after the program's own exit handlers.
[[gnu::destructor]] void print_statistics() noexcept {
  const std::size_t wanted = core::settings().stats;
  if (wanted == 0 || (wanted != 1 && static_cast<pid_t>(wanted) != getpid())) return;
  const core::Statistics numbers = core::Hubs::statistics();
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long>(value); };
  report("greenlets=%lu greenlets_peak=%lu switches=%lu parks=%lu kernel_threads_peak=%lu retakes=%lu offloads=%lu",
         number(core::Hubs::spawned()), number(core::Hubs::alive_peak()), number(numbers.switches),
         number(numbers.parks), std::max(kernel_threads(), number(core::Carriers::peak())), number(numbers.retakes),
         number(numbers.offloads));
}

}  // namespace

core::Hub* hub() noexcept { return the_hub; }

core::Hub* start_hub() noexcept {
  static bool tried = false;
  if (tried) return the_hub;
  tried = true;
  const int saved = errno;
  core::Hub* hub = try_start();
  errno = saved;
  if (hub != nullptr) hub_started.store(true, std::memory_order_release);
  return hub;
}

}  // namespace evergreen::patch
