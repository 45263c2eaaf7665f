// System V message queues and semaphores. No descriptor tells when they are ready, and other processes use them too: a
// call that has to wait blocks a kernel thread of its own.

#include <sys/msg.h>
#include <sys/sem.h>

#include <algorithm>

#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/offload.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// attempt() fails with `would_block` where block() would have to wait.
template <class Attempt, class Block>
auto try_then_wait(const char* why, int would_block, Deadline deadline, Attempt attempt, Block block) {
  const KeepErrno keep;
  const Interruption interruption(Interruption::Restarts::never);
  auto result = attempt();
  if (result >= 0 || errno != would_block) return keep(result);
  const int end = block_or_look(
      why, deadline,
      [&] {
        result = attempt();
        if (result < 0 && errno == EINVAL) errno = EIDRM;  // the arguments were right: it has been removed meanwhile
        return result < 0 && errno == would_block ? EBUSY : 0;
      },
      [&] {
        result = block();
        return 0;
      },
      [&] { return interruption.has_come() ? EINTR : 0; });
  if (end == EINTR) return fail<decltype(result)>(EINTR);
  return keep(result);  // when the time has passed, the last attempt's: EAGAIN
}

// With a time of zero it is an attempt, which fails with EAGAIN; so does an operation with IPC_NOWAIT, and then nothing
// is waited for. What the kernel has looked at can be read.
int operate(int set, sembuf* operations, size_t count, const timespec* timeout, const char* why) noexcept {
  constexpr timespec at_once{};
  const auto attempt = [=] { return real.semtimedop(set, operations, count, &at_once); };
  const auto block = [=] { return real.semtimedop(set, operations, count, timeout); };
  const KeepErrno keep;
  const int result = attempt();
  if (result >= 0 || errno != EAGAIN) return keep(result);
  const bool some_must_not_wait = std::any_of(
      operations, operations + count, [](const sembuf& operation) { return (operation.sem_flg & IPC_NOWAIT) != 0; });
  if (some_must_not_wait) return keep(offloaded(block));  // it depends on which operation has to wait
  const Deadline deadline = deadline_in(timeout);
  return keep(try_then_wait(why, EAGAIN, deadline, attempt, block));
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Waits for room. Cancellation point. A signal ends it.
SHIM int msgsnd(int queue, const void* message, size_t size, int flags) {
  const auto call = [=](int more) { return real.msgsnd(queue, message, size, flags | more); };
  if (!on_greenlet() || (flags & IPC_NOWAIT) != 0) return call(0);
  return try_then_wait(
      "msgsnd", EAGAIN, Deadline::never(), [=] { return call(IPC_NOWAIT); }, [=] { return call(0); });
}

// Waits for a message. Cancellation point. A signal ends it.
SHIM ssize_t msgrcv(int queue, void* message, size_t size, long type, int flags) {
  const auto call = [=](int more) { return real.msgrcv(queue, message, size, type, flags | more); };
  if (!on_greenlet() || (flags & (IPC_NOWAIT | MSG_COPY)) != 0) return call(0);
  return try_then_wait(
      "msgrcv", ENOMSG, Deadline::never(), [=] { return call(IPC_NOWAIT); }, [=] { return call(0); });
}

// Waits until all the operations can be done. A signal ends it.
SHIM int semop(int set, sembuf* operations, size_t count) noexcept {
  if (!on_greenlet()) return real.semop(set, operations, count);
  return operate(set, operations, count, nullptr, "semop");
}

// Waits until all the operations can be done. A signal ends it.
SHIM int semtimedop(int set, sembuf* operations, size_t count, const timespec* timeout) noexcept {
  if (!on_greenlet() || !is_timeout(timeout)) return real.semtimedop(set, operations, count, timeout);
  return operate(set, operations, count, timeout, "semtimedop");
}
