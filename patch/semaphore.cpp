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
template <class Libc>
int wait_shared(sem_t* semaphore, const char* why, Deadline deadline, Libc libc) {
  const auto attempt = [semaphore] {
    const int result = try_wait(semaphore);
    if (result == EBUSY) pthread_testcancel();
    return result;
  };
  const int result = attempt();
  if (result != EBUSY) return result;
  return block_or_look(why, deadline, attempt, [libc] { return libc() == 0 ? 0 : errno; });
}

int wait_own(sem_t* semaphore, const char* why, Deadline deadline) {
  const Interruption interruption(Interruption::Restarts::if_asked);
  for (;;) {
    const int error = try_then_park(
        semaphore, Sleeper::Kind::semaphore, why, deadline, [semaphore] { return try_wait(semaphore); },
        core::Hears::cancellation);
    if (error != EINTR) return error;
    if (interruption.after_signal() != 0) return EINTR;
  }
}

template <class Libc>
int wait(sem_t* semaphore, const char* why, Deadline deadline, Libc libc) {
  const KeepErrno keep;
  let_beaten_go_first(semaphore);
  const int error =
      is_shared(semaphore) ? wait_shared(semaphore, why, deadline, libc) : wait_own(semaphore, why, deadline);
  return error == 0 ? keep(0) : fail(error);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Parks while it is zero. Cancellation point. A signal ends it.
SHIM int sem_wait(sem_t* semaphore) {
  if (!parks()) return real.sem_wait(semaphore);
  pthread_testcancel();
  return wait(semaphore, "sem_wait", Deadline::never(), [=] { return real.sem_wait(semaphore); });
}

// Parks while it is zero. Cancellation point. A signal ends it.
SHIM int sem_timedwait(sem_t* semaphore, const timespec* until) {
  if (!parks() || !is_valid(*until)) return real.sem_timedwait(semaphore, until);
  pthread_testcancel();
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
SHIM int sem_post(sem_t* semaphore) noexcept {
  const int result = real.sem_post(semaphore);
  if (started() && result == 0) wake_semaphore(semaphore);
  return result;
}
