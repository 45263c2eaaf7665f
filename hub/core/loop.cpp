#include "hub/core/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

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
  if (loop_ == nullptr) return;
  ev_loop_destroy(std::exchange(loop_, nullptr));
  if (const int fd = foreign_.fd.exchange(-1); fd >= 0) ::close(fd);
}

int Loop::watch_foreign_wakes() {
  if (const int fd = foreign_.fd.load(); fd >= 0) return fd;
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  const auto clear = [](struct ev_loop*, ev_io* watcher, int) {
    auto* foreign = static_cast<Foreign*>(watcher->data);
    eventfd_t count;
    static_cast<void>(eventfd_read(watcher->fd, &count));
    foreign->is_readable.exchange(false);  // what was pushed before a wake() that we undo is received after this
  };
  ev_io_init(&foreign_.watcher, clear, fd, EV_READ);
  foreign_.watcher.data = &foreign_;
  ev_io_start(loop_, &foreign_.watcher);
  foreign_.fd.store(fd, std::memory_order_release);
  return fd;
}

void Loop::wake_foreign() noexcept {
  if (foreign_.is_readable.exchange(true)) return;
  const int saved = errno;
  static_cast<void>(eventfd_write(foreign_.fd.load(), 1));
  errno = saved;
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
