// What only a hub of library mode does: running inside another loop, and waiting for all of its greenlets.
#include <cerrno>
#include <system_error>

#include "hub/core/hub.h"
#include "hub/core/hubs.h"
#include "hub/core/monitor.h"
#include "hub/core/park.h"

namespace evergreen::core {

bool Hub::step(HubGreenlet& self) noexcept {
  const Runtime runtime;
  wake_monitor();
  granted_ = budget_ = ready_.size();
  stepper_ = &self;
  stop_running(self);
  clean_run_ = run();
  return !ready_.empty();
}

int Hub::embed(HubGreenlet& self) {
  if (embedded_fd_ >= 0) return embedded_fd_;
  const Runtime runtime;
  const int watched = loop_.watch_foreign_wakes();
  step(self);  // libev tells the kernel of new watchers when it looks
  embedded_fd_ = find_epoll(watched);
  if (embedded_fd_ < 0) throw std::system_error(ENOENT, std::generic_category(), "cannot find the epoll descriptor");
  is_embedded_ = true;
  return embedded_fd_;
}

// libev tells the kernel of changes when it looks: after anything else than a look there may be some.
Deadline Hub::may_wait_until() const noexcept {
  const Runtime runtime;
  if (!ready_.empty() || !inbox_.empty() || clean_run_ != run()) return Deadline::now();
  return deadlines_.earliest();
}

bool Hub::is_resting() const noexcept {
  if (is_polling()) return true;
  return is_embedded_.load(std::memory_order_relaxed) && owner() == &Hubs::main_greenlet();
}

Wake Hub::wait_until_idle(HubGreenlet& self, Deadline deadline) noexcept {
  prepare_to_park(self, Hears::everything);
  Idler idler;
  idler.greenlet = &self;
  idlers_.push_back(idler);
  const Wake how = park_within_limit(self, "idle", deadline);
  if (idler.is_linked()) idler.unlink();
  return how;
}

Wake Hub::wait_until_alone(HubGreenlet& self, Deadline deadline) noexcept {
  while (!is_alone()) {
    prepare_to_park(self, Hears::everything);
    joiner_ = &self;
    const Wake how = park_within_limit(self, "Hub::join", deadline);
    joiner_ = nullptr;
    if (std::exchange(joiner_gives_up_, false)) return Wake::woken;
    if (how != Wake::woken) return how;
  }
  return Wake::woken;
}

bool Hub::give_up_waiting_alone() noexcept {
  if (joiner_ == nullptr) return false;
  joiner_gives_up_ = true;
  unpark(*joiner_, Wake::woken);
  return true;
}

void Hub::count_service(int change) noexcept {
  const Runtime runtime;
  services_ += static_cast<std::size_t>(change);
  if (joiner_ != nullptr && is_alone()) unpark(*joiner_, Wake::woken);
}

}  // namespace evergreen::core
