// The life of a thread: glibc's start_thread, on a greenlet.

#include "patch/thread.h"

#include <limits.h>
#include <setjmp.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "evergreen/greenlet_exit.h"
#include "greenlet/arch_x86_64.h"
#include "greenlet/cancellation.h"
#include "greenlet/fatal.h"
#include "greenlet/resolver_state.h"
#include "greenlet/tls_block.h"
#include "hub/core/hubs.h"
#include "hub/core/settings.h"
#include "hub/core/signal_masks.h"
#include "patch/robust.h"
#include "patch/shim.h"

extern "C" int __sigsetjmp(struct __jmp_buf_tag* buffer, int save_mask) noexcept;

namespace evergreen::patch {
namespace {

enum Fate : std::uintptr_t { joinable, detached, ending, finished, busy = 1 };  // no pointer is that small, nor odd

bool is_parked_joiner(std::uintptr_t fate) noexcept { return fate > finished && (fate & busy) == 0; }

// A cancellation point of who joins. Whoever is cancelled joins no more: another may.
class CancelledJoin {
 public:
  static void test(std::atomic<std::uintptr_t>& fate, std::uintptr_t joiner) {
    CancelledJoin scope(fate, joiner);
    pthread_testcancel();
    scope.goes_on_ = true;
  }
  ~CancelledJoin() {
    if (!goes_on_) fate_.compare_exchange_strong(joiner_, joinable);
  }
  CancelledJoin(const CancelledJoin&) = delete;
  CancelledJoin& operator=(const CancelledJoin&) = delete;

 private:
  CancelledJoin(std::atomic<std::uintptr_t>& fate, std::uintptr_t joiner) noexcept : fate_(fate), joiner_(joiner) {}

  std::atomic<std::uintptr_t>& fate_;
  std::uintptr_t joiner_;
  bool goes_on_ = false;
};

// The main thread has called pthread_exit, and waits for the last of the others.
constinit std::atomic<bool> main_awaits_others{false};

}  // namespace

constinit thread_local Thread* Thread::of_block_ = nullptr;

Thread::Thread(core::Hub& hub, const core::Place& place, const Birth& birth)
    : HubGreenlet(hub, place, entry), birth_(birth), fate_(birth.detached ? detached : joinable) {
  core::in_block(place.block, of_block_) = this;
  when_dead_ = on_dead;
}

// Runs the routine as start_thread does: pthread_exit and cancellation unwind the stack and end with a jump to here. So
// do those of a destructor.
void Thread::run() noexcept {
  volatile bool keys_begun = false, unwound = false;
  void* volatile returned = nullptr;
  __pthread_unwind_buf_t buffer;
  // The buffer's first part is a jmp_buf without the mask (bits/types/struct___jmp_buf_tag.h), as glibc itself uses it.
  if (__sigsetjmp(reinterpret_cast<struct __jmp_buf_tag*>(buffer.__cancel_jmp_buf), 0) == 0) {
    __pthread_register_cancel(&buffer);
    returned = birth_.routine(birth_.argument);
  } else {
    unwound = true;
  }
  run_thread_destructors(keys_begun);
  __pthread_unregister_cancel(&buffer);
  mark_ending();
  if (!unwound) result = returned;  // else pthread_exit has given it, or a cancellation has left it
}

RawGreenlet& Thread::entry(RawGreenlet& raw) {
  auto& self = static_cast<Thread&>(raw);
  enter_tls_block();
  core::begin_user_code(self);
  {
    const ResolverState resolver;
    self.run();
    release_robust_mutexes();
  }
  if (core::waits_natively) std::exit(EXIT_SUCCESS);  // the only thread of a forked child
  core::end_user_code();
  self.signals.close();
  return self.home->leave_for_ever(self);
}

void Thread::on_dead(RawGreenlet& raw) noexcept {
  auto& self = static_cast<Thread&>(raw);
  if (self.finish()) core::bury(self);
  // Only a forked child's first thread can end so; the main one waits for the others.
  if (core::Hubs::alive() == 0) std::exit(EXIT_SUCCESS);
  if (main_awaits_others && core::Hubs::alive() == 1) core::unpark(core::Hubs::main_greenlet(), core::Wake::woken);
}

bool Thread::finish() noexcept {
  std::uintptr_t before = fate_.load();
  while (!fate_.compare_exchange_weak(before, is_parked_joiner(before) ? ending : finished)) {
  }
  if (!is_parked_joiner(before)) return before == detached;
  core::unpark(*reinterpret_cast<HubGreenlet*>(before), core::Wake::woken);
  fate_.store(finished);
  return false;
}

Thread* Thread::find(pthread_t handle) noexcept {
  if (handle == main_thread().block()) return &main_thread();
  const Stack* stack = StackPool::containing(reinterpret_cast<const void*>(handle));
  if (stack == nullptr || stack->tls_block() != handle || stack->owner == nullptr) return nullptr;
  if (static_cast<const core::HubGreenlet*>(stack->owner)->shares_block()) return nullptr;  // it has no block
  return static_cast<Thread*>(const_cast<void*>(stack->owner));
}

bool Thread::was_ours(pthread_t handle) noexcept {
  return StackPool::containing(reinterpret_cast<const void*>(handle)) != nullptr;
}

int Thread::detach() noexcept {
  std::uintptr_t seen = joinable;
  if (fate_.compare_exchange_strong(seen, detached)) return 0;
  if (seen == detached) return EINVAL;
  if (seen == finished) core::bury(*this);
  return 0;  // somebody joins it: glibc leaves it to them
}

bool Thread::is_pthread_detached() const noexcept { return fate_.load() == detached; }

bool Thread::has_ended() const noexcept {
  const std::uintptr_t fate = fate_.load();
  return fate == ending || fate == finished;
}

void Thread::hand_over(void** to) noexcept {
  if (to != nullptr) *to = result;
  if (this != &main_thread()) core::bury(*this);
}

int Thread::try_join(void** to) noexcept {
  if (fate_.load() != finished) return EBUSY;
  hand_over(to);
  return 0;
}

// Two that join each other would wait for ever.
int Thread::refusal_to_join(core::HubGreenlet& by) const noexcept {
  if (is_pthread_detached()) return EINVAL;
  if (by.home == nullptr) return 0;  // a plain kernel thread, which nobody joins
  if (this == of_block_) return EDEADLK;
  if (by.shares_block()) return 0;  // others on its block go on
  const std::uintptr_t joiner = static_cast<Thread&>(by).fate_.load() & ~std::uintptr_t{busy};
  return joiner == reinterpret_cast<std::uintptr_t>(static_cast<const core::HubGreenlet*>(this)) ? EDEADLK : 0;
}

// As joiner | busy; returns 0 when the thread has ended, ETIMEDOUT, or EINTR after a signal.
int Thread::await_end(core::HubGreenlet& self, const char* why, Deadline deadline) noexcept {
  const core::Runtime runtime;
  core::prepare_to_park(self, core::Hears::cancellation);
  const auto joiner = reinterpret_cast<std::uintptr_t>(&self);
  std::uintptr_t seen = joiner | busy;
  if (!fate_.compare_exchange_strong(seen, joiner)) return 0;
  const core::Wake how = core::park(self, why, deadline);
  seen = joiner;
  if (how == core::Wake::timed_out && fate_.compare_exchange_strong(seen, joinable)) return ETIMEDOUT;
  if (how == core::Wake::signalled && fate_.compare_exchange_strong(seen, joiner | busy)) return EINTR;
  while (fate_.load() != finished) arch::give_cpu();  // some instructions of another kernel thread
  return 0;
}

int Thread::join(void** to, const char* why, Deadline deadline) {
  HubGreenlet& self = core::current_or_thread();
  if (const int error = refusal_to_join(self)) return error;
  const std::uintptr_t joiner = reinterpret_cast<std::uintptr_t>(&self) | busy;
  std::uintptr_t seen = joinable;
  if (fate_.compare_exchange_strong(seen, joiner)) {
    // Two that begin to join each other at once have both passed the first look; now one of them sees the other.
    int error = refusal_to_join(self);
    seen = joiner;
    if (error != 0 && fate_.compare_exchange_strong(seen, joinable)) return error;
    error = EINTR;
    while (error == EINTR) {
      CancelledJoin::test(fate_, joiner);
      error = await_end(self, why, deadline);
    }
    if (error != 0) return error;
  } else if (seen != finished) {
    return EINVAL;  // detached, or somebody else joins it
  }
  hand_over(to);
  return 0;
}

Thread& main_thread() noexcept {
  static auto* const thread = new Thread;
  return *thread;
}

void forget_main_exit() noexcept { main_awaits_others = false; }

void Thread::go_on_alone(const core::HubGreenlet& forked) noexcept {
  if (fate_.load() > finished) fate_.store(joinable);
  signal_mask = forked.signal_mask;
}

namespace {

// pthread_exit of the main thread, or its cancellation. glibc unwinds its stack and runs the destructors of its keys;
// then it would end the kernel thread, which drives a hub or may have to. So a key of ours, set last, is destroyed in
// the last round, waits until main really is the last thread, and ends the process as glibc would.
pthread_key_t end_of_main;

void wait_for_others() noexcept {
  Thread& self = main_thread();
  release_robust_mutexes();
  {
    const core::Runtime runtime;
    self.signals.close();
    core::SignalMasks::change(self, core::all_signals);  // signals of the process are the others'
    self.finish();
  }
  main_awaits_others = true;
  for (;;) {
    core::prepare_to_park(self);
    if (core::Hubs::alive() == 1) return;
    core::park(self, "pthread_exit", Deadline::never());
  }
}

void on_end_of_main(void* round) {
  const auto next = reinterpret_cast<std::uintptr_t>(round) + 1;
  if (next <= PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(end_of_main, reinterpret_cast<void*>(next));
    return;
  }
  wait_for_others();
  std::exit(EXIT_SUCCESS);
}

}  // namespace

void prepare_end_of_main() noexcept {
  static const bool made = pthread_key_create(&end_of_main, on_end_of_main) == 0;
  if (!made || !give_key_value(main_thread().block(), end_of_main, reinterpret_cast<void*>(1))) {
    fatal("the end of the main thread needs a pthread key, and none is left");
  }
}

void let_main_end() noexcept {
  pthread_key_t key;
  if (pthread_key_create(&key, nullptr) != 0) return;
  pthread_setspecific(key, &key);
  pthread_setspecific(key, nullptr);
  pthread_key_delete(key);
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM void pthread_exit(void* result) {
  if (started() && core::current != nullptr) {
    if (core::current != &Thread::running()) throw GreenletExit();  // one of the library's
    auto& self = Thread::running();
    self.result = result;
    if (&self == &main_thread()) prepare_end_of_main();
  }
  real.pthread_exit(result);
  __builtin_unreachable();
}

SHIM int pthread_detach(pthread_t handle) noexcept {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_detach(handle);
  return thread->detach();
}
