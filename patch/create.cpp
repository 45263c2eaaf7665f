// pthread_create: what its attributes ask for, and where the thread's stack comes from.

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "hub/core/hubs.h"
#include "hub/core/settings.h"
#include "hub/core/signal_masks.h"
#include "patch/fork.h"
#include "patch/running_mask.h"
#include "patch/shim.h"
#include "patch/thread.h"

namespace evergreen::patch {
namespace {

constexpr std::size_t page = 4096;

// What libc takes where the program gives no attributes.
constinit std::size_t libc_stack_size = 8 << 20;

// The program has said by pthread_setattr_default_np what that is to be.
constinit std::atomic<bool> has_own_defaults{false};

struct Wanted {
  std::size_t stack_size = libc_stack_size, guard_size = page;
  std::byte* stack_low = nullptr;  // the program's own memory
  Birth birth;
  bool has_mask = false;
  std::uint64_t mask = 0;  // of signals
  int error = 0;

  Wanted(const pthread_attr_t* attributes, void* (*routine)(void*), void* argument) noexcept {
    birth.routine = routine;
    birth.argument = argument;
    const Thread& creator = Thread::running();
    if (creator.birth().scheduling.is_set()) birth.scheduling = creator.birth().scheduling;
    if (attributes != nullptr) {
      read(*attributes);
    } else if (has_own_defaults) {
      read_defaults();
    }
    const std::size_t set = core::settings().stack_size;
    if (set != 0 && stack_low == nullptr && stack_size == libc_stack_size) stack_size = set;
    if (stack_low == nullptr && !fits()) error = EINVAL;
  }

  [[nodiscard]] std::size_t guard() const noexcept { return (guard_size + page - 1) / page * page; }

 private:
  [[nodiscard]] bool fits() const noexcept { return guard() >= guard_size && stack_size + guard() >= guard(); }

  void read_defaults() noexcept {
    pthread_attr_t attributes;
    if ((error = pthread_getattr_default_np(&attributes)) != 0) return;
    read(attributes);
    pthread_attr_destroy(&attributes);
  }

  void read(const pthread_attr_t& attributes) noexcept {
    int detach_state = PTHREAD_CREATE_JOINABLE;
    pthread_attr_getdetachstate(&attributes, &detach_state);
    birth.detached = detach_state == PTHREAD_CREATE_DETACHED;
    pthread_attr_getstacksize(&attributes, &stack_size);
    if (stack_size == 0) stack_size = libc_stack_size;
    pthread_attr_getguardsize(&attributes, &guard_size);
    sigset_t signals;
    has_mask = pthread_attr_getsigmask_np(&attributes, &signals) == 0;
    if (has_mask) mask = mask_of(signals) & core::all_signals;
    void* low = nullptr;
    std::size_t size = 0;
    if (pthread_attr_getstack(&attributes, &low, &size) != 0) return;
    // Without pthread_attr_setstack the top is the null pointer, and `low` counted back from it.
    if (reinterpret_cast<std::uintptr_t>(low) + size != 0) {
      stack_low = static_cast<std::byte*>(low);
      stack_size = size;
    }
    error = read_scheduling(attributes, birth);
  }
};

// Its guard lies below what the program asked for, as glibc's; there is one even where the program wants none.
core::Place take_own_place(Wanted& wanted) {
  const std::size_t guard = wanted.guard(), size = wanted.stack_size / page * page;
  core::Place place = core::take_place(size + std::max(guard, page));
  if (!place.stack->widen_guard(guard)) {
    core::give_place(*place.stack);
    throw std::bad_alloc();
  }
  place.low = place.stack->low();
  wanted.birth.low = place.stack->top() - size;
  wanted.birth.size = size;
  wanted.birth.guard = guard;
  return place;
}

// The TLS block and our object lie on a stack of ours in any case: they outlive the program's memory.
core::Place take_programs_place(Wanted& wanted) {
  core::Place place = core::take_place(0);
  place.low = wanted.birth.low = wanted.stack_low;
  place.size = wanted.stack_size / 16 * 16;
  wanted.birth.size = wanted.stack_size;
  return place;
}

int create(pthread_t* handle, Wanted wanted) noexcept {
  if (wanted.error != 0) return wanted.error;
  const KeepErrno keep;
  try {
    core::Hub& hub = core::Hubs::for_new_greenlet();
    const core::Place place = wanted.stack_low == nullptr ? take_own_place(wanted) : take_programs_place(wanted);
    auto& thread = core::make_greenlet<Thread>(hub, place, wanted.birth);
    if (wanted.has_mask) thread.signal_mask = wanted.mask;
    thread.name = Thread::running().name;
    *handle = thread.block();
    hub.adopt(thread);
    return keep(0);
  } catch (const std::bad_alloc&) {
    return EAGAIN;
  }
}

}  // namespace

void read_default_attributes() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_default_np(&attributes) != 0) return;
  pthread_attr_getstacksize(&attributes, &libc_stack_size);
  pthread_attr_destroy(&attributes);
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

SHIM int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*routine)(void*),
                        void* argument) noexcept {
  // So are those of a program that only links us, until it asks for greenlets. The hub's own threads are kernel
  // threads; and so are those that a kernel thread without a hub makes (a SIGEV_THREAD timer's).
  const bool on_hub =
      converts_threads() && (started() ? on_greenlet() || restart_hub() : !core::in_runtime && start_hub() != nullptr);
  if (!on_hub) return real.pthread_create(handle, attributes, routine, argument);
  return create(handle, Wanted(attributes, routine, argument));
}

SHIM int pthread_setattr_default_np(const pthread_attr_t* attributes) noexcept {
  const int error = real.pthread_setattr_default_np(attributes);
  if (error == 0) has_own_defaults = true;
  return error;
}
