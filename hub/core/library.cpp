#include "hub/core/library.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "greenlet/glibc_layout.h"
#include "greenlet/overflow.h"
#include "hub/core/hubs.h"
#include "hub/core/park.h"

namespace evergreen::core {
namespace {

void describe(const void* owner, char* text, unsigned long size) noexcept {
  std::snprintf(text, size, "greenlet %lu", static_cast<unsigned long>(static_cast<const HubGreenlet*>(owner)->id));
}

Hub& start_alone() {
  if (const char* wrong = check_glibc()) {
    throw std::runtime_error(std::string("this glibc does not hold what evergreen needs: ") + wrong);
  }
  struct Main final : HubGreenlet {};
  const Runtime runtime;  // what is made here is the hub's own
  static auto* const main = new Main;
  Hub& hub = Hub::start(*main, Mode::library);
  report_stack_overflows(describe);
  return hub;
}

}  // namespace

constinit StartHub start_first_hub = start_alone;

namespace {

Hub& start_now() {
  if (waits_natively && current != nullptr) {  // a forked child
    const Runtime runtime;
    Hub& hub = *current->home;
    waits_natively = false;
    hub.restart_after_fork(*current);
    return hub;
  }
  if (syscall(SYS_gettid) != getpid()) {
    throw std::logic_error("evergreen has no hub yet: call evergreen::get_hub() on the main thread first");
  }
  return start_first_hub();
}

}  // namespace

Hub& library_hub() {
  if (Hubs::count() == 0) return start_now();
  Hub& hub = Hubs::at(0);
  if (hub.mode() != Mode::library) hub.become_library();
  return hub;
}

}  // namespace evergreen::core
