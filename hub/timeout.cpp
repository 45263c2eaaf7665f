#include "evergreen/timeout.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "evergreen/detail/greenlet_state.h"
#include "greenlet/fatal.h"
#include "hub/core/end.h"
#include "hub/core/hubs.h"
#include "hub/core/library.h"
#include "hub/core/park.h"

namespace evergreen {
namespace {

std::uint64_t next_id() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// With the patch it is to end the calls of C libraries, too, which block where there is no hub yet.
core::HubGreenlet& begin_on_hub() {
  const bool is_alone = core::current == nullptr && core::Hubs::count() == 0 && syscall(SYS_gettid) == getpid();
  if (core::patch_hooks != nullptr && (is_alone || core::waits_natively)) core::library_hub();
  return core::current_or_thread();
}

}  // namespace

Timeout::Timeout(Deadline deadline) : Timeout(deadline, std::exception_ptr()) {}

Timeout::Timeout(Deadline deadline, std::exception_ptr exception)
    : deadline_(deadline), id_(next_id()), instead_(std::move(exception)), owner_(&begin_on_hub()) {
  outer_ = std::exchange(owner_->timeouts, this);
  owner_->limit = std::min(owner_->limit, deadline);
}

Timeout::Timeout(const Timeout& other) noexcept : what_(other.what_), deadline_(other.deadline_), id_(other.id_) {}

Timeout::~Timeout() noexcept(false) {
  if (owner_ == nullptr) return;
  const bool was_told = owner_->told_end && deadline_.has_passed();
  if (was_told && std::uncaught_exceptions() == 0) fire();
  leave();
}

void Timeout::cancel() noexcept {
  if (owner_ != nullptr) leave();
}

void Timeout::leave() noexcept {
  core::HubGreenlet& owner = *std::exchange(owner_, nullptr);
  Timeout** place = &owner.timeouts;
  while (*place != this) place = &(*place)->outer_;
  *place = outer_;
  owner.limit = Deadline::never();
  for (const Timeout* one = owner.timeouts; one != nullptr; one = one->outer_) {
    owner.limit = std::min(owner.limit, one->deadline_);
  }
  if (!core::must_end(owner)) owner.told_end = false;
}

void Timeout::fire() {
  leave();
  if (instead_ != nullptr) std::rethrow_exception(instead_);
  throw Timeout(*this);
}

}  // namespace evergreen

namespace evergreen::core {

// kill() first: it ends more than a scope.
void throw_end(HubGreenlet& self) {
  if (self.has_end.load()) detail::throw_kill(self);
  Timeout* first = self.timeouts;
  for (Timeout* one = first; one != nullptr; one = one->outer_) {
    if (one->deadline_ <= first->deadline_) first = one;  // of equal ones the outermost: it would pass through anyway
  }
  if (first == nullptr || !first->deadline_.has_passed()) fatal("a wait has ended for no reason");
  first->fire();
}

}  // namespace evergreen::core
