// The futex system call: what std::atomic::wait, C++ static initialisation and home-made locks are made of.
//
// A greenlet waits for a private futex in the wait table. Kernel threads wait in the kernel, and so do greenlets where
// another process could be the one that wakes, or where the kernel itself owns the lock (priority inheritance). So a
// wake looks in the table first, and then asks the kernel for whatever the table could not give.
//
// A call that the kernel refuses at once is left to the kernel, whatever is wrong with it.

#include "patch/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdint>

#include "patch/clock.h"
#include "patch/interruption.h"
#include "patch/offload.h"
#include "patch/shared_memory.h"
#include "patch/shim.h"
#include "patch/user_memory.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

struct Call {
  long word, operation, value, timeout, second_word, third_value;

  [[nodiscard]] const std::uint32_t* address() const noexcept { return reinterpret_cast<const std::uint32_t*>(word); }
  [[nodiscard]] const timespec* time() const noexcept { return reinterpret_cast<const timespec*>(timeout); }
  [[nodiscard]] int command() const noexcept { return static_cast<int>(operation) & FUTEX_CMD_MASK; }
  [[nodiscard]] bool is_private() const noexcept { return (operation & FUTEX_PRIVATE_FLAG) != 0; }
  [[nodiscard]] bool is_on_real_time() const noexcept { return (operation & FUTEX_CLOCK_REALTIME) != 0; }
  [[nodiscard]] bool is_equal() const noexcept {
    return __atomic_load_n(address(), __ATOMIC_SEQ_CST) == static_cast<std::uint32_t>(value);
  }
};

long ask_kernel(const Call& call) noexcept {
  return real.syscall(SYS_futex, call.word, call.operation, call.value, call.timeout, call.second_word,
                      call.third_value);
}

// Whether the kernel would begin to wait if the word has the expected value.
bool is_sound(const Call& call, std::uint32_t bits) noexcept {
  if (bits == 0 || call.word % long{alignof(std::uint32_t)} != 0) return false;
  if (call.is_on_real_time() && call.command() != FUTEX_WAIT_BITSET) return false;
  if (!is_readable(call.address(), sizeof(std::uint32_t))) return false;
  return is_timeout(call.time());
}

Deadline deadline_of(const Call& call) noexcept {
  if (call.time() == nullptr) return Deadline::never();
  if (call.command() == FUTEX_WAIT) return Deadline::in(length_of(*call.time()));
  return deadline_on(call.is_on_real_time() ? CLOCK_REALTIME : CLOCK_MONOTONIC, *call.time());
}

// Parks until it is woken, a signal comes or the deadline passes. With `look_again` another process might be the one
// that wakes, though nothing says so: then looks at the word from time to time, ever more seldom. It stays in the table
// all the while. Returns 0 or the error; EINTR after any signal.
int park_once(const Call& call, std::uint32_t bits, bool look_again, Deadline deadline) {
  const core::Runtime runtime;
  Sleeper sleeper(call.address(), Sleeper::Kind::futex, bits);
  core::prepare_to_park(sleeper.greenlet, core::Hears::signals);
  if (!add_if_equal(sleeper, static_cast<std::uint32_t>(call.value))) return EAGAIN;
  core::Wake how;
  for (auto pause = std::chrono::milliseconds(100);; pause *= 2) {
    const Deadline until = look_again ? std::min(deadline, Deadline::in(pause)) : deadline;
    how = core::park(sleeper.greenlet, "futex", until);
    if (how != core::Wake::timed_out || until == deadline || !call.is_equal()) break;
    core::prepare_to_park(sleeper.greenlet, core::Hears::signals);
    if (!is_waiting(sleeper)) break;
  }
  const bool was_woken = !remove(sleeper);
  if (!was_woken && how == core::Wake::signalled) return EINTR;
  return !was_woken && how == core::Wake::timed_out && deadline.has_passed() ? ETIMEDOUT : 0;
}

// With a timeout it never goes on after a handler, whatever SA_RESTART says (signal(7), ERESTART_RESTARTBLOCK).
long park_on(const Call& call, std::uint32_t bits, bool look_again, Deadline deadline) {
  using Restarts = Interruption::Restarts;
  const Interruption interruption(deadline.is_never() ? Restarts::if_asked : Restarts::never);
  for (;;) {
    const int error = park_once(call, bits, look_again, deadline);
    if (error != EINTR || interruption.has_come()) return error == 0 ? 0 : fail(error);
  }
}

long wait(const Call& call, std::uint32_t bits) {
  if (!on_greenlet() || !is_sound(call, bits)) return ask_kernel(call);
  if (!call.is_equal()) return fail(EAGAIN);
  if (call.is_private()) return park_on(call, bits, false, deadline_of(call));
  if (!is_shared_memory(call.address())) return park_on(call, bits, true, deadline_of(call));
  return offloaded([&] { return ask_kernel(call); });
}

// The kernel wakes one at least, even if asked for none.
std::size_t wake_limit(long value) noexcept { return static_cast<std::size_t>(std::max(static_cast<int>(value), 1)); }

long wake(const Call& call, std::uint32_t bits) {
  const std::size_t most = wake_limit(call.value);
  const std::size_t woken = wake_futex(call.address(), most, bits);
  if (woken == most) return static_cast<long>(woken);
  const KeepErrno keep;
  Call rest = call;
  rest.value = static_cast<long>(most - woken);
  const long others = ask_kernel(rest);
  return woken == 0 ? others : keep(static_cast<long>(woken) + std::max(others, 0L));
}

// The kernel compares, and moves its own sleepers. Those in the table are all woken, none is moved: they look at the
// first word, then at whatever they want next, and wait there. The numbers are as if they had been moved and then woken
// for no reason.
long requeue(const Call& call) {
  const long others = ask_kernel(call);
  if (others < 0) return others;
  const long most = long{static_cast<int>(call.value)} + static_cast<int>(call.timeout);
  if (others >= most) return others;
  return others +
         static_cast<long>(wake_futex(call.address(), static_cast<std::size_t>(most - others), FUTEX_BITSET_MATCH_ANY));
}

// The kernel changes the second word, and does not tell whether its sleepers are meant too: the table's are woken.
long wake_after_operation(const Call& call) {
  const long others = ask_kernel(call);
  if (others < 0) return others;
  const auto* second = reinterpret_cast<const void*>(call.second_word);
  return others + static_cast<long>(wake_futex(call.address(), wake_limit(call.value), FUTEX_BITSET_MATCH_ANY) +
                                    wake_futex(second, wake_limit(call.timeout), FUTEX_BITSET_MATCH_ANY));
}

}  // namespace

long futex(long word, long operation, long value, long timeout, long second_word, long third_value) {
  const Call call{word, operation, value, timeout, second_word, third_value};
  switch (call.command()) {
    case FUTEX_WAIT:
      return wait(call, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
      return wait(call, static_cast<std::uint32_t>(third_value));
    case FUTEX_WAKE:
      return wake(call, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return wake(call, static_cast<std::uint32_t>(third_value));
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
      return requeue(call);
    case FUTEX_WAKE_OP:
      return wake_after_operation(call);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
      return offloaded([&] { return ask_kernel(call); });
    default:
      return ask_kernel(call);
  }
}

}  // namespace evergreen::patch
