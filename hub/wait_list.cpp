#include "evergreen/detail/wait_list.h"

#include <new>

#include "greenlet/fatal.h"
#include "greenlet/spin_lock.h"
#include "hub/core/end.h"
#include "hub/core/park.h"

namespace evergreen::detail {

using core::Runtime;
using core::Wake;

static_assert(sizeof(Runtime) == 1 && alignof(Runtime) == 1);

WaitList::Guard::Guard(WaitList& list) noexcept : list_(list) {
  new (runtime_) Runtime;
  list_.lock();
}

WaitList::Guard::~Guard() noexcept(false) {
  list_.unlock();
  std::launder(reinterpret_cast<Runtime*>(runtime_))->~Runtime();  // made by the constructor, and by nobody else
}

namespace {

// We are a forked child, and the waiter is its parent's.
bool has_stayed_in_parent(const Waiter& waiter) noexcept {
  return waiter.greenlet != nullptr && waiter.greenlet->has_stayed_in_parent();
}

}  // namespace

void Link::unlink() noexcept {
  previous->next = next;  // NOLINT(clang-analyzer-core.NullDereference): it is linked
  next->previous = previous;
  next = previous = nullptr;
}

void Link::insert_before(Link& at) noexcept {
  next = &at;
  previous = at.previous;
  at.previous->next = this;  // NOLINT(clang-analyzer-core.NullDereference): `at` is linked
  at.previous = this;
}

WaitList::~WaitList() {
  if (oldest() != nullptr || observers_.next != &observers_)
    fatal("an object is destroyed while a greenlet waits for it");
}

// A SpinLock by its flag: public headers know nothing of greenlet/.
void WaitList::lock() noexcept { spin_until_locked(locked_); }

Waiter* WaitList::oldest() noexcept {
  while (!empty()) {
    auto& one = static_cast<Waiter&>(*waiters_.next);
    if (!has_stayed_in_parent(one)) return &one;
    one.unlink();
  }
  return nullptr;
}

bool WaitList::choose_one() noexcept {
  Waiter* const one = oldest();
  if (one == nullptr) return false;
  one->unlink();
  one->chosen = true;
  if (one->greenlet != nullptr) core::unpark(*one->greenlet, Wake::woken);
  return true;
}

std::size_t WaitList::count() const noexcept {
  std::size_t count = 0;
  for (const Link* one = waiters_.next; one != &waiters_; one = one->next) ++count;
  return count;
}

void WaitList::tell_observers() noexcept {
  while (observers_.next != &observers_) {
    auto& one = static_cast<Observer&>(*observers_.next);
    one.unlink();
    one.hear();
  }
}

// Not under the lock: the greenlet may wait for its own object, as it does by joining itself.
void WaitList::throw_end(Guard& guard, core::HubGreenlet& self) {
  guard.list_.unlock();
  try {
    core::throw_end(self);
  } catch (...) {
    guard.list_.lock();
    throw;
  }
}

// For handlers of signals, which run at the end of a Runtime and may end the thread, or wait for something else
// themselves. The list is free meanwhile.
void WaitList::let_handlers_run(Guard& guard, Waiter& me) {
  guard.list_.unlock();
  auto* const runtime = std::launder(reinterpret_cast<Runtime*>(guard.runtime_));
  const auto come_back = [&] {
    new (guard.runtime_) Runtime;
    guard.list_.lock();
  };
  try {
    runtime->~Runtime();
  } catch (...) {
    come_back();
    if (me.is_linked()) me.unlink();
    throw;
  }
  come_back();
}

bool WaitList::wait(Guard& guard, Waiter& me, const char* why, Deadline deadline) {
  core::HubGreenlet& self = core::current_or_thread();
  while (!me.chosen) {
    core::prepare_to_park(self, core::Hears::everything);
    me.greenlet = &self;
    guard.list_.unlock();
    const Wake how = core::park_within_limit(self, why, deadline);
    guard.list_.lock();
    me.greenlet = nullptr;
    if (me.chosen) break;  // what else has come stays for the next wait
    if (how == Wake::signalled) {
      let_handlers_run(guard, me);
      continue;
    }
    me.unlink();
    if (how == Wake::ended) throw_end(guard, self);
    return false;
  }
  return true;
}

bool WaitList::wait(Guard& guard, const char* why, Deadline deadline, bool beaten) {
  if (deadline.has_passed()) return false;
  Waiter me;
  me.insert_before(beaten ? *waiters_.next : waiters_);
  try {
    return wait(guard, me, why, deadline);
  } catch (...) {
    if (me.chosen) wake_one();
    throw;
  }
}

void WaitList::wait_undisturbed(Guard& guard, const char* why) noexcept {
  core::HubGreenlet& self = core::current_or_thread();
  Waiter me;
  add(me);
  while (!me.chosen) {
    core::prepare_to_park(self);
    me.greenlet = &self;
    guard.list_.unlock();
    core::park(self, why, Deadline::never());
    guard.list_.lock();
    me.greenlet = nullptr;
  }
}

}  // namespace evergreen::detail
