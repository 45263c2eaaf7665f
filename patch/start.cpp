#include "patch/start.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "greenlet/fatal.h"
#include "greenlet/glibc_layout.h"
#include "greenlet/leftovers.h"
#include "greenlet/overflow.h"
#include "greenlet/tls_block.h"
#include "hub/core/carrier.h"
#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "hub/core/settings.h"
#include "patch/cancel.h"
#include "patch/fork.h"
#include "patch/inside.h"
#include "patch/is_patched.h"
#include "patch/once.h"
#include "patch/signals.h"
#include "patch/thread.h"
#include "patch/thread_name.h"
#include "patch/wait_table.h"

namespace evergreen::patch {

constinit std::atomic<bool> hub_started{false};

namespace {

constinit core::Hub* the_hub = nullptr;

void describe(const void* owner, char* text, unsigned long size) noexcept {
  const auto* thread = static_cast<const core::HubGreenlet*>(owner);
  std::snprintf(text, size, "greenlet %lu (pthread %p)", static_cast<unsigned long>(thread->id),
                reinterpret_cast<void*>(thread->block()));
}

// What handlers could not do on the spot, for they had interrupted hub code.
void on_wake() noexcept {
  wake_deferred();
  route_deferred_signals();
}

// Throws as core::Hub::start().
void start(core::Mode mode) {
  if (const char* wrong = check_glibc()) {
    throw std::runtime_error(std::string("this glibc does not hold what evergreen needs (") + wrong + ")");
  }
  const core::Runtime runtime;  // what is made here is the hub's own
  learn_leftovers();
  learn_process_name();
  draw_thread_ids();
  learn_fork_generation();
  make_wait_table();
  read_default_attributes();
  replace_inside_libc();
  core::Hub& hub = core::Hub::start(main_thread(), mode);
  hub.on_wake = on_wake;
  start_signals();
  start_cancellation();
  let_main_end();
  all_own_mutexes = true;
  report_stack_overflows(describe);
  the_hub = &hub;
  hub_started.store(true, std::memory_order_release);
}

core::Hub& start_for_library() {
  const int saved = errno;
  if (!started()) {
    start(core::Mode::library);
  } else {
    restart_hub_or_throw();
  }
  errno = saved;
  return *the_hub;
}

constinit std::atomic<bool> wants_threads{false};

void convert_threads() noexcept { wants_threads = true; }

constexpr core::PatchHooks hooks{start_for_library, is_patched, convert_threads};

// A program that only links us has its own threads in mind. libc has no environment yet.
[[gnu::constructor]] void learn_how_we_came(int, char**, char** environment) noexcept {
  core::patch_hooks = &hooks;
  for (constexpr std::string_view name = "LD_PRELOAD="; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (entry.starts_with(name) && entry.find("libevergreen-patch.so") != entry.npos) convert_threads();
  }
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
bool converts_threads() noexcept { return wants_threads.load(std::memory_order_relaxed); }

core::Hub* start_hub() noexcept {
  static bool tried = false;
  if (tried) return the_hub;
  tried = true;
  const int saved = errno;
  try {
    start(core::Mode::threads);
  } catch (const std::exception& error) {
    report("threads stay kernel threads: %s", error.what());
  }
  errno = saved;
  return the_hub;
}

}  // namespace evergreen::patch
