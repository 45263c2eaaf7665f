#include "hub/core/library.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "greenlet/glibc_layout.h"
#include "greenlet/overflow.h"
#include "hub/core/fork_alone.h"
#include "hub/core/hubs.h"
#include "hub/core/park.h"

namespace evergreen::core {

constinit const PatchHooks* patch_hooks = nullptr;

namespace {

void describe(const void* owner, char* text, unsigned long size) noexcept {
  std::snprintf(text, size, "greenlet %lu", static_cast<unsigned long>(static_cast<const HubGreenlet*>(owner)->id));
}

// A forked child's has been started in its parent.
Hub& restart() {
  const Runtime runtime;
  Hub& hub = *current->home;
  hub.restart_after_fork(*current);
  return hub;
}

Hub& start() {
  if (const char* wrong = check_glibc()) {
    throw std::runtime_error(std::string("this glibc does not hold what evergreen needs: ") + wrong);
  }
  struct Main final : HubGreenlet {};
  const Runtime runtime;  // what is made here is the hub's own
  static auto* const main = new Main;
  Hub& hub = Hub::start(*main, Mode::library);
  report_stack_overflows(describe);
  see_to_forks();
  return hub;
}

Hub& start_first() {
  const bool is_child = process_count.load() != 0;
  if (current == nullptr && is_child) {
    throw std::logic_error("evergreen has no hub in a child that a plain kernel thread has forked");
  }
  if (current == nullptr && syscall(SYS_gettid) != getpid()) {
    throw std::logic_error("evergreen has no hub yet: use it on the main thread first");
  }
  if (patch_hooks != nullptr) return patch_hooks->start_hub();
  return is_child ? restart() : start();
}

}  // namespace

Hub& library_hub() {
  Hub& hub = Hubs::count() == 0 ? start_first() : Hubs::at(0);
  if (hub.mode() != Mode::library) {
    if (current != &Hubs::main_greenlet()) {
      throw std::logic_error("evergreen's library is not used yet: use it on the main thread first");
    }
    hub.become_library();
  }
  return hub;
}

}  // namespace evergreen::core
