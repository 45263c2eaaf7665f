#include "hub/core/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace evergreen::core {
namespace {

// libev aborts where it gets no descriptor to be woken by: so one must be free.
bool has_free_descriptor() noexcept {
  const int fd = eventfd(0, EFD_CLOEXEC);
  const int saved = errno;
  if (fd >= 0) close(fd);
  errno = saved;
  return fd >= 0;
}

}  // namespace

Loop::Loop(void (*on_wake)(void*), void* argument)
    : loop_(ev_loop_new(unsigned{EVBACKEND_EPOLL} | unsigned{EVFLAG_NOENV})), on_wake_(on_wake), argument_(argument) {
  if (loop_ == nullptr) throw std::system_error(errno, std::generic_category(), "cannot make an epoll loop");
  if (!has_free_descriptor()) {
    const int error = errno;
    ev_loop_destroy(loop_);
    throw std::system_error(error, std::generic_category(), "cannot make an eventfd");
  }
  ev_async_init(&wake_, [](struct ev_loop*, ev_async* watcher, int) {
    auto* self = static_cast<Loop*>(watcher->data);
    self->on_wake_(self->argument_);
  });
  wake_.data = this;
  ev_async_start(loop_, &wake_);
  // An error of a watcher turns up just before libev waits, which would then be for other events first.
  ev_set_userdata(loop_, this);
  const auto before_wait = [](struct ev_loop* loop) noexcept {
    if (ev_pending_count(loop) != 0) static_cast<Loop*>(ev_userdata(loop))->wake();
  };
  ev_set_loop_release_cb(loop_, before_wait, nullptr);
}

void Loop::close() noexcept {
  if (loop_ != nullptr) ev_loop_destroy(loop_);
  loop_ = nullptr;
}

FdWatcher::FdWatcher(int fd, Direction direction, Callback callback, void* argument) noexcept
    : callback_(callback), argument_(argument) {
  const auto dispatch = [](struct ev_loop*, ev_io* watcher, int events) {
    auto* self = static_cast<FdWatcher*>(watcher->data);
    self->callback_(*self, self->argument_, (events & EV_ERROR) != 0);
  };
  ev_io_init(&io_, dispatch, fd, static_cast<int>(direction));
  io_.data = this;
}

}  // namespace evergreen::core
