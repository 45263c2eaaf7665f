#include "hub/core/deadline_queue.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "greenlet/fatal.h"

namespace evergreen::core {
namespace {

int make_timer() {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot make a timerfd");
  return fd;
}

void set_timer(int fd, Deadline deadline) noexcept {
  itimerspec setting{};  // zero disarms, and either way the descriptor is no longer readable
  if (!deadline.is_never()) setting.it_value = deadline.kernel_time();
  if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, nullptr) != 0) fatal("timerfd_settime failed: errno %d", errno);
}

}  // namespace

DeadlineQueue::DeadlineQueue(Loop& loop)
    : loop_(loop),
      timer_(make_timer()),
      watcher_(
          timer_, FdWatcher::Direction::read,
          [](FdWatcher&, void* self, bool) { static_cast<DeadlineQueue*>(self)->fired_ = true; }, this) {
  watcher_.start(loop_);
}

DeadlineQueue::~DeadlineQueue() {
  watcher_.stop(loop_);
  close(timer_);
}

void DeadlineQueue::add(HubGreenlet& greenlet) noexcept { order_.insert(greenlet); }

void DeadlineQueue::remove(HubGreenlet& greenlet) noexcept { order_.erase(order_.iterator_to(greenlet)); }

void DeadlineQueue::arm(Deadline latest) noexcept {
  const Deadline next = std::min(earliest(), latest);
  if (!fired_ && next >= armed_) return;  // fires early, if at all: then we come here again
  set_timer(timer_, next);
  armed_ = next;
  fired_ = false;
}

}  // namespace evergreen::core
