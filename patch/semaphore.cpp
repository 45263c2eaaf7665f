#include <cstring>

#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/interruption.h"
#include "patch/shim.h"
#include "patch/wait_table.h"

namespace evergreen::patch {
namespace {

// glibc keeps the flag for other processes in the second word (struct new_sem::private); learnt from sem_init itself,
// so that another layout is noticed and every semaphore is then taken for shared, which is slower but right.
bool is_shared(const sem_t* semaphore) noexcept {
  static const bool known = [] {
    sem_t own{}, shared{};
    unsigned long own_words[2], shared_words[2];
    if (sem_init(&own, 0, 0) != 0 || sem_init(&shared, 1, 0) != 0) return false;
    std::memcpy(own_words, &own, sizeof own_words);
    std::memcpy(shared_words, &shared, sizeof shared_words);
    return static_cast<int>(own_words[1]) == 0 && static_cast<int>(shared_words[1]) != 0;
  }();
  unsigned long words[2];
  std::memcpy(words, semaphore, sizeof words);
  return !known || static_cast<int>(words[1]) != 0;
}

int try_wait(sem_t* semaphore) noexcept {
  if (sem_trywait(semaphore) == 0) return 0;
  return errno == EAGAIN ? EBUSY : errno;
}

// Other processes may post it: libc's own call waits for it, in the kernel; a cancellation may end that.
template <class Libc, class OnSignal>
int wait_shared(sem_t* semaphore, const char* why, Deadline deadline, Libc libc, OnSignal on_signal) {
  const auto attempt = [semaphore] {
    const int result = try_wait(semaphore);
    if (result == EBUSY) pthread_testcancel();
    return result;
  };
  const int result = attempt();
  if (result != EBUSY) return result;
  return block_or_look(
      why, deadline, attempt, [libc] { return libc() == 0 ? 0 : errno; }, on_signal);
}

template <class Libc>
int wait(sem_t* semaphore, const char* why, Deadline deadline, Libc libc) {
  pthread_testcancel();  // also where it does not block
  const KeepErrno keep;
  // futex(2), in which libc waits: with a deadline it never goes on after a handler.
  using Restarts = Interruption::Restarts;
  const Interruption interruption(deadline.is_never() ? Restarts::if_asked : Restarts::never);
  const auto on_signal = [&interruption] { return interruption.after_signal(); };
  let_beaten_go_first(semaphore);
  const int error = is_shared(semaphore)
                        ? wait_shared(semaphore, why, deadline, libc, on_signal)
                        : try_then_park(
                              semaphore, Sleeper::Kind::semaphore, why, deadline,
                              [semaphore] { return try_wait(semaphore); }, on_signal, core::Hears::cancellation);
  return error == 0 ? keep(0) : fail(error);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// libc's headers say that these throw nothing. But handlers run in them, which may end the thread.
SHIM int evergreen_sem_post(sem_t* semaphore) asm("sem_post");

// Parks while it is zero. Cancellation point. A signal ends it.
SHIM int sem_wait(sem_t* semaphore) {
  if (!parks()) return real.sem_wait(semaphore);
  return wait(semaphore, "sem_wait", Deadline::never(), [=] { return real.sem_wait(semaphore); });
}

// Parks while it is zero. Cancellation point. A signal ends it.
SHIM int sem_timedwait(sem_t* semaphore, const timespec* until) {
  if (!parks() || !is_valid(*until)) return real.sem_timedwait(semaphore, until);
  return wait(semaphore, "sem_timedwait", deadline_on(CLOCK_REALTIME, *until),
              [=] { return real.sem_timedwait(semaphore, until); });
}

// Parks while it is zero. Cancellation point. A signal ends it.
SHIM int sem_clockwait(sem_t* semaphore, clockid_t clock, const timespec* until) {
  const bool known = is_lock_clock(clock);
  if (!parks() || !known || !is_valid(*until)) return real.sem_clockwait(semaphore, clock, until);
  return wait(semaphore, "sem_clockwait", deadline_on(clock, *until),
              [=] { return real.sem_clockwait(semaphore, clock, until); });
}

// Async-signal-safe, as POSIX wants it.
SHIM int evergreen_sem_post(sem_t* semaphore) {
  const int result = real.sem_post(semaphore);
  if (started() && result == 0) wake_semaphore(semaphore);
  return result;
}
