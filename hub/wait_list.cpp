#include "evergreen/detail/wait_list.h"

#include <new>

#include "greenlet/arch_x86_64.h"
#include "greenlet/fatal.h"
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

WaitList::~WaitList() {
  while (!empty() && head_.next->greenlet->has_stayed_in_parent()) remove(*head_.next);
  if (!empty()) fatal("an object is destroyed while a greenlet waits for it in %s", head_.next->greenlet->waits_for);
}

void WaitList::lock() noexcept {
  while (locked_.exchange(true, std::memory_order_acquire)) {
    for (int spins = 0; locked_.load(std::memory_order_relaxed); ++spins) {
      spins % 128 == 127 ? arch::give_cpu() : arch::spin_hint();
    }
  }
}

Waiter& WaitList::head() noexcept {
  if (head_.next == nullptr) head_.next = head_.previous = &head_;
  return head_;
}

void WaitList::insert_before(Waiter& at, Waiter& waiter) noexcept {
  waiter.next = &at;
  waiter.previous = at.previous;
  at.previous->next = &waiter;
  at.previous = &waiter;
}

void WaitList::remove(Waiter& waiter) noexcept {
  waiter.previous->next = waiter.next;
  waiter.next->previous = waiter.previous;
  waiter.next = waiter.previous = nullptr;
}

void WaitList::wake_one() noexcept {
  bool chosen = false;
  for (Waiter* waiter = head().next; waiter != &head_;) {
    Waiter& one = *waiter;
    waiter = one.next;
    if (chosen && !one.observes) continue;
    chosen |= !one.observes && !one.greenlet->has_stayed_in_parent();
    remove(one);
    core::unpark(*one.greenlet, Wake::woken);
  }
}

void WaitList::wake_all() noexcept {
  while (!empty()) {
    Waiter& one = *head_.next;
    remove(one);
    core::unpark(*one.greenlet, Wake::woken);
  }
}

// For handlers of signals, which run at the end of a Runtime and may end the thread: the list is free meanwhile, and
// `me` stays where it is in it.
void WaitList::let_handlers_run(Guard& guard, Waiter& me) {
  unlock();
  auto* const runtime = std::launder(reinterpret_cast<Runtime*>(guard.runtime_));
  const auto come_back = [&] {
    new (guard.runtime_) Runtime;
    lock();
  };
  try {
    runtime->~Runtime();
  } catch (...) {
    come_back();
    me.is_linked() ? remove(me) : wake_one();  // who was chosen passes it on
    throw;
  }
  come_back();
}

bool WaitList::wait(Guard& guard, const char* why, Deadline deadline, bool beaten) {
  if (deadline.has_passed()) return false;
  core::HubGreenlet& self = core::current_or_thread();
  Waiter me;
  me.greenlet = &self;
  insert_before(beaten ? *head().next : head(), me);
  while (me.is_linked()) {
    core::prepare_to_park(self, core::Hears::everything);
    unlock();
    const Wake how = core::park_within_limit(self, why, deadline);
    lock();
    if (!me.is_linked()) break;  // chosen; what else has come stays for the next wait
    if (how == Wake::signalled) {
      let_handlers_run(guard, me);
      continue;
    }
    remove(me);
    if (how == Wake::ended) core::throw_end(self);
    return false;
  }
  return true;
}

}  // namespace evergreen::detail
