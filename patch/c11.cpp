// <threads.h>. libc's functions of these names go past our shims, to its own; ours go to the shims, and differ from
// them in nothing but what they return.

#include <threads.h>

#include "patch/shim.h"

namespace evergreen::patch {
namespace {

int c11_result(int error) noexcept {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

// What glibc's objects are, too.
pthread_mutex_t* posix(mtx_t* mutex) noexcept { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* posix(cnd_t* condition) noexcept { return reinterpret_cast<pthread_cond_t*>(condition); }
static_assert(sizeof(once_flag) == sizeof(pthread_once_t));

// Of the register in which such a routine returns only an int's half is set: thrd_join gives no more.
void* (*posix(thrd_start_t routine))(void*) {
  return reinterpret_cast<void* (*)(void*)>(reinterpret_cast<void (*)()>(routine));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

SHIM int thrd_create(thrd_t* thread, thrd_start_t routine, void* argument) {
  return c11_result(pthread_create(thread, nullptr, posix(routine), argument));
}

// Parks until the thread has ended. Cancellation point. Restarts after a signal.
SHIM int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  const int error = pthread_join(thread, &returned);
  if (error == 0 && result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return c11_result(error);
}

SHIM int thrd_detach(thrd_t thread) { return c11_result(pthread_detach(thread)); }

SHIM void thrd_exit(int result) { pthread_exit(reinterpret_cast<void*>(intptr_t{result})); }

// Sleeps. Cancellation point. A signal ends it.
SHIM int thrd_sleep(const timespec* length, timespec* remaining) {
  const int error = clock_nanosleep(CLOCK_REALTIME, 0, length, remaining);
  if (error == 0) return 0;
  return error == EINTR ? -1 : -2;
}

// Lets the other greenlets run.
SHIM void thrd_yield() { sched_yield(); }

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int mtx_lock(mtx_t* mutex) { return c11_result(pthread_mutex_lock(posix(mutex))); }

// Parks while another holds it. No cancellation point. Restarts after a signal.
SHIM int mtx_timedlock(mtx_t* mutex, const timespec* until) {
  return c11_result(pthread_mutex_timedlock(posix(mutex), until));
}

SHIM int mtx_trylock(mtx_t* mutex) { return c11_result(pthread_mutex_trylock(posix(mutex))); }

SHIM int mtx_unlock(mtx_t* mutex) { return c11_result(pthread_mutex_unlock(posix(mutex))); }

// Parks until signalled. Cancellation point. May end for no reason.
SHIM int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return c11_result(pthread_cond_wait(posix(condition), posix(mutex)));
}

// Parks until signalled. Cancellation point. May end for no reason.
SHIM int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return c11_result(pthread_cond_timedwait(posix(condition), posix(mutex), until));
}

SHIM int cnd_signal(cnd_t* condition) { return c11_result(pthread_cond_signal(posix(condition))); }

SHIM int cnd_broadcast(cnd_t* condition) { return c11_result(pthread_cond_broadcast(posix(condition))); }

// Parks while another runs the routine.
SHIM void call_once(once_flag* flag, void (*routine)()) {
  pthread_once(reinterpret_cast<pthread_once_t*>(flag), routine);
}
