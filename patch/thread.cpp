// The life of a thread: glibc's start_thread, on a greenlet.

#include "patch/thread.h"

#include <limits.h>
#include <setjmp.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "greenlet/arch_x86_64.h"
#include "greenlet/fatal.h"
#include "greenlet/resolver_state.h"
#include "greenlet/tls_block.h"
#include "hub/core/hubs.h"
#include "hub/core/settings.h"
#include "patch/shim.h"

extern "C" int __sigsetjmp(struct __jmp_buf_tag* buffer, int save_mask) noexcept;

namespace evergreen::patch {
namespace {

enum Fate : std::uintptr_t { joinable, detached, ending, finished };  // no pointer is that small

constinit std::size_t libc_stack_size = 8 << 20;

// The main thread has called pthread_exit, and waits for the last of the others.
constinit std::atomic<bool> main_awaits_others{false};

}  // namespace

Thread::Thread(core::Hub& hub, const core::Place& place, Routine routine, void* argument, bool is_detached)
    : HubGreenlet(hub, place, entry),
      routine_(routine),
      argument_(argument),
      stack_low_(place.low),
      stack_size_(place.size),
      fate_(is_detached ? detached : joinable) {
  when_dead_ = on_dead;
}

// Runs the routine as start_thread does: pthread_exit and cancellation unwind the stack and end with a jump to here.
void Thread::run() noexcept {
  __pthread_unwind_buf_t buffer;
  // The buffer's first part is a jmp_buf without the mask (bits/types/struct___jmp_buf_tag.h), as glibc itself uses it.
  if (__sigsetjmp(reinterpret_cast<struct __jmp_buf_tag*>(buffer.__cancel_jmp_buf), 0) == 0) {
    __pthread_register_cancel(&buffer);
    result = routine_(argument_);
    __pthread_unregister_cancel(&buffer);
  }
}

RawGreenlet& Thread::entry(RawGreenlet& raw) {
  auto& self = static_cast<Thread&>(raw);
  enter_tls_block();
  core::begin_user_code(self);
  {
    const ResolverState resolver;
    self.run();
    run_thread_destructors();
  }
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
  while (!fate_.compare_exchange_weak(before, before == joinable || before == detached ? finished : ending)) {
  }
  if (before == joinable || before == detached) return before == detached;
  core::unpark(*reinterpret_cast<HubGreenlet*>(before), core::Wake::woken);
  fate_.store(finished);
  return false;
}

Thread* Thread::find(pthread_t handle) noexcept {
  if (handle == main_thread().block()) return &main_thread();
  const Stack* stack = StackPool::containing(reinterpret_cast<const void*>(handle));
  if (stack == nullptr || stack->tls_block() != handle || stack->owner == nullptr) return nullptr;
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

void Thread::hand_over(void** to) noexcept {
  if (to != nullptr) *to = result;
  if (this != &main_thread()) core::bury(*this);
}

int Thread::try_join(void** to) noexcept {
  if (fate_.load() != finished) return EBUSY;
  hand_over(to);
  return 0;
}

int Thread::join(void** to, const char* why, Deadline deadline) noexcept {
  HubGreenlet& self = core::current_or_thread();
  if (&self == this) return EDEADLK;
  {
    const core::Runtime runtime;
    core::prepare_to_park(self);
    const auto joiner = reinterpret_cast<std::uintptr_t>(&self);
    std::uintptr_t seen = joinable;
    if (fate_.compare_exchange_strong(seen, joiner)) {
      const core::Wake how = core::park(self, why, deadline);
      seen = joiner;
      if (how == core::Wake::timed_out && fate_.compare_exchange_strong(seen, joinable)) return ETIMEDOUT;
      while (fate_.load() != finished) arch::give_cpu();  // some instructions of another kernel thread
    } else if (seen != finished) {
      return EINVAL;  // detached, or somebody else joins it
    }
  }
  hand_over(to);
  return 0;
}

Thread& main_thread() noexcept {
  static auto* const thread = new Thread;
  return *thread;
}

void forget_main_exit() noexcept { main_awaits_others = false; }

void Thread::forget_joiner() noexcept {
  if (fate_.load() > finished) fate_.store(joinable);
}

void read_default_attributes() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_default_np(&attributes) != 0) return;
  pthread_attr_getstacksize(&attributes, &libc_stack_size);
  pthread_attr_destroy(&attributes);
}

namespace {

struct Wanted {
  std::size_t stack_size = libc_stack_size;
  std::byte* stack_low = nullptr;  // the program's own memory
  int detach_state = PTHREAD_CREATE_JOINABLE;

  explicit Wanted(const pthread_attr_t* attributes) noexcept {
    if (attributes != nullptr) read(*attributes);
    const std::size_t set = core::settings().stack_size;
    if (set != 0 && stack_low == nullptr && stack_size == libc_stack_size) stack_size = set;
  }

 private:
  void read(const pthread_attr_t& attributes) noexcept {
    pthread_attr_getdetachstate(&attributes, &detach_state);
    pthread_attr_getstacksize(&attributes, &stack_size);
    void* low = nullptr;
    std::size_t size = 0;
    if (pthread_attr_getstack(&attributes, &low, &size) != 0) return;
    // Without pthread_attr_setstack the top is the null pointer, and `low` counted back from it.
    if (reinterpret_cast<std::uintptr_t>(low) + size != 0) stack_low = static_cast<std::byte*>(low);
  }
};

// The TLS block and our object lie on a stack of ours in any case: they outlive the program's memory.
Thread& make_thread(core::Hub& hub, const Wanted& wanted, Thread::Routine routine, void* argument) {
  const bool foreign = wanted.stack_low != nullptr;
  core::Place place = core::take_place(foreign ? 0 : wanted.stack_size);
  if (foreign) {
    place.low = wanted.stack_low;
    place.size = wanted.stack_size / 16 * 16;
  }
  return core::make_greenlet<Thread>(hub, place, routine, argument, wanted.detach_state == PTHREAD_CREATE_DETACHED);
}

int create(pthread_t* handle, const pthread_attr_t* attributes, Thread::Routine routine, void* argument) noexcept {
  const KeepErrno keep;
  try {
    core::Hub& hub = core::Hubs::for_new_greenlet();
    Thread& thread = make_thread(hub, Wanted(attributes), routine, argument);
    *handle = thread.block();
    hub.adopt(thread);
    return keep(0);
  } catch (const std::bad_alloc&) {
    return EAGAIN;
  }
}

// pthread_exit of the main thread. glibc unwinds its stack and runs the destructors of its keys; then it would end the
// kernel thread, which drives a hub or may have to. So a key of ours, set last, is destroyed in the last round, waits
// until main really is the last thread, and ends the process as glibc would.
pthread_key_t end_of_main;

void wait_for_others() noexcept {
  Thread& self = main_thread();
  {
    const core::Runtime runtime;
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

void prepare_end_of_main() noexcept {
  static const bool made = pthread_key_create(&end_of_main, on_end_of_main) == 0;
  if (!made) fatal("pthread_exit of the main thread needs a pthread key, and none is left");
  pthread_setspecific(end_of_main, reinterpret_cast<void*>(1));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*routine)(void*),
                        void* argument) noexcept {
  // The hub's own threads are kernel threads; and so are those that a kernel thread without a hub makes (a SIGEV_THREAD
  // timer's).
  const bool on_hub = started() ? on_greenlet() : !core::in_runtime && start_hub() != nullptr;
  if (!on_hub) return real.pthread_create(handle, attributes, routine, argument);
  return create(handle, attributes, routine, argument);
}

SHIM void pthread_exit(void* result) {
  if (started() && core::current != nullptr) {
    auto& self = static_cast<Thread&>(*core::current);
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

// Parks until the thread has ended. Cancellation point. Restarts after a signal.
SHIM int pthread_join(pthread_t handle, void** result) {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_join(handle, result);
  return thread->join(result, "pthread_join", Deadline::never());
}

SHIM int pthread_tryjoin_np(pthread_t handle, void** result) noexcept {
  Thread* thread = started() ? Thread::find(handle) : nullptr;
  if (thread == nullptr) return Thread::was_ours(handle) ? ESRCH : real.pthread_tryjoin_np(handle, result);
  return thread->try_join(result);
}
