// POSIX message queues. A queue is a descriptor that the hub's loop can wait for. A timed call whose time has passed
// tries: it fails with ETIMEDOUT where it would have to wait. So no call ever blocks a kernel thread.
//
// mq_notify(3) tells of a message that nobody waits for. The kernel does not see that a greenlet does.

#include <mqueue.h>

#include "patch/blocking.h"
#include "patch/clock.h"
#include "patch/own_descriptors.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

constexpr timespec long_ago{};

// The header says that there is always a time. The kernel takes none for no end.
[[gnu::noinline]] Deadline deadline_of(const timespec* time) noexcept {
  return time == nullptr ? Deadline::never() : deadline_on(CLOCK_REALTIME, *time);
}

// Returns 0, or what the call must fail with. signal(7): restarts even with a deadline.
int wait_ready_or_restart(mqd_t queue, Direction direction, const char* why, Deadline deadline) {
  const Interruption interruption(Interruption::Restarts::if_asked);
  const core::Wake wake = core::wait_fd(queue, direction, why, deadline);
  if (wake == core::Wake::interrupted) return EBADF;
  return interruption.after(wake);
}

// attempt() is the timed call with `long_ago`.
template <class Attempt>
auto wait_for_queue(mqd_t queue, Direction direction, const char* why, Deadline deadline, Attempt attempt) {
  const KeepErrno keep;
  for (;;) {
    const auto result = attempt();
    if (result >= 0 || errno != ETIMEDOUT || deadline.has_passed()) return keep(result);
    const int error = wait_ready_or_restart(queue, direction, why, deadline);
    if (error != 0) return fail<decltype(attempt())>(error);
  }
}

int send_message(mqd_t queue, const char* message, size_t size, unsigned priority, Deadline deadline, const char* why) {
  return wait_for_queue(queue, Direction::write, why, deadline,
                        [=] { return real.mq_timedsend(queue, message, size, priority, &long_ago); });
}

ssize_t receive_message(mqd_t queue, char* message, size_t size, unsigned* priority, Deadline deadline,
                        const char* why) {
  return wait_for_queue(queue, Direction::read, why, deadline,
                        [=] { return real.mq_timedreceive(queue, message, size, priority, &long_ago); });
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Waits for room. Cancellation point. A signal ends it, or it restarts.
SHIM int mq_send(mqd_t queue, const char* message, size_t size, unsigned priority) {
  if (!on_greenlet()) return real.mq_send(queue, message, size, priority);
  return send_message(queue, message, size, priority, Deadline::never(), "mq_send");
}

// Waits for room. Cancellation point. A signal ends it.
SHIM int mq_timedsend(mqd_t queue, const char* message, size_t size, unsigned priority, const timespec* time) {
  if (!on_greenlet() || !is_timeout(time)) return real.mq_timedsend(queue, message, size, priority, time);
  return send_message(queue, message, size, priority, deadline_of(time), "mq_timedsend");
}

// Waits for a message. Cancellation point. A signal ends it, or it restarts.
SHIM ssize_t mq_receive(mqd_t queue, char* message, size_t size, unsigned* priority) {
  if (!on_greenlet()) return real.mq_receive(queue, message, size, priority);
  return receive_message(queue, message, size, priority, Deadline::never(), "mq_receive");
}

// Waits for a message. Cancellation point. A signal ends it.
SHIM ssize_t mq_timedreceive(mqd_t queue, char* message, size_t size, unsigned* priority, const timespec* time) {
  if (!on_greenlet() || !is_timeout(time)) return real.mq_timedreceive(queue, message, size, priority, time);
  return receive_message(queue, message, size, priority, deadline_of(time), "mq_timedreceive");
}

// Its close is inside libc.
SHIM int mq_close(mqd_t queue) noexcept {
  if (!started()) return real.mq_close(queue);
  if (is_guarded(queue)) return fail(EBADF);
  return note_gone_around(queue, [=] { return real.mq_close(queue); });
}
