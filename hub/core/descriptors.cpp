#include "hub/core/descriptors.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

#include "hub/core/park.h"

namespace evergreen::core {
namespace {

bool is_open(int fd) noexcept { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace

void Descriptors::Side::on_event(FdWatcher& watcher, void* argument, bool error) {
  Side& side = *static_cast<Side*>(argument);
  if (error) {  // libev has stopped the watcher
    watcher.forget();
    side.is_refused = is_open(watcher.fd());
    side.wake_all(side.is_refused ? Wake::woken : Wake::interrupted);
  } else if (FdWaiter* waiter = side.waiters.pop_front()) {
    unpark(*waiter->greenlet, Wake::woken);
  } else {
    watcher.stop(side.owner.loop_);
  }
}

void Descriptors::Side::wake_all(Wake how) noexcept {
  while (FdWaiter* waiter = waiters.pop_front()) unpark(*waiter->greenlet, how);
}

Descriptors::~Descriptors() {
  if (special_epoll_ >= 0) close(special_epoll_);
}

Descriptors::Record* Descriptors::find(int fd) noexcept {
  if (fd < 0 || fd >= limit) return nullptr;
  const auto& chunk = chunks_[static_cast<std::size_t>(fd / chunk_size)];
  return chunk == nullptr ? nullptr : (*chunk)[static_cast<std::size_t>(fd % chunk_size)].get();
}

Descriptors::Record* Descriptors::find_or_make(int fd) noexcept {
  if (Record* record = find(fd)) return record;
  if (fd < 0 || fd >= limit) return nullptr;
  auto& chunk = chunks_[static_cast<std::size_t>(fd / chunk_size)];
  if (chunk == nullptr) chunk.reset(new (std::nothrow) Chunk);
  if (chunk == nullptr) return nullptr;
  auto& record = (*chunk)[static_cast<std::size_t>(fd % chunk_size)];
  record.reset(new (std::nothrow) Record(fd, *this));
  return record.get();
}

bool Descriptors::add(int fd, Direction direction, FdWaiter& waiter) noexcept {
  Record* record = find_or_make(fd);
  if (record == nullptr || !watch(fd, hub_)) return false;
  Side& side = direction == Direction::read ? record->read : record->write;
  if (std::exchange(side.is_refused, false)) return false;  // and the next time we try again
  // libev asserts that a descriptor which it shall watch is open.
  if (!side.watcher.is_started() && !is_open(fd)) return false;
  side.waiters.push_back(waiter);
  side.watcher.start(loop_);
  return true;
}

bool Descriptors::add_special(int fd, std::uint32_t events, FdWaiter& waiter) noexcept {
  Record* record = find_or_make(fd);
  if (record == nullptr || !watch(fd, hub_)) return false;
  Special& special = record->special;
  const std::uint32_t wanted = special.events | events;
  if ((!special.is_armed || special.events != wanted) && !arm(fd, wanted)) return false;
  special.is_armed = true;
  special.events = wanted;
  waiter.events = events;
  special.waiters.push_back(waiter);
  return true;
}

// Has the kernel look now, and at each change from now on. Returns whether it does.
bool Descriptors::arm(int fd, std::uint32_t events) noexcept {
  if (special_epoll_ < 0) {
    special_epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (special_epoll_ < 0) return false;
    special_watcher_.emplace(
        special_epoll_, Direction::read,
        [](FdWatcher&, void* self, bool) { static_cast<Descriptors*>(self)->on_special_events(); }, this);
    special_watcher_->start(loop_);
  }
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.fd = fd;
  if (epoll_ctl(special_epoll_, EPOLL_CTL_ADD, fd, &event) == 0) return true;
  if (errno == EEXIST) return epoll_ctl(special_epoll_, EPOLL_CTL_MOD, fd, &event) == 0;
  return errno == EPERM;  // a regular file, or the like: never has such an event
}

void Descriptors::on_special_events() noexcept {
  std::array<epoll_event, 64> events;
  int count;
  do {
    count = epoll_wait(special_epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) on_special_event(events[i].data.fd, events[i].events);
  } while (count == static_cast<int>(events.size()));
}

void Descriptors::on_special_event(int fd, std::uint32_t events) noexcept {
  Record* record = find(fd);
  if (record == nullptr) return;
  Special& special = record->special;
  special.is_armed = false;
  if (special.waiters.empty()) {
    epoll_ctl(special_epoll_, EPOLL_CTL_DEL, fd, nullptr);
    special.events = 0;
  }
  for (FdWaiter* waiter = special.waiters.first(); waiter != nullptr;) {
    FdWaiter* const next = special.waiters.after(*waiter);
    if ((waiter->events & events) != 0) {
      waiter->unlink();
      unpark(*waiter->greenlet, Wake::woken);
    }
    waiter = next;
  }
}

void Descriptors::forget(int fd) noexcept {
  Record* record = find(fd);
  if (record == nullptr) return;
  for (Side* side : {&record->read, &record->write}) {
    side->watcher.stop(loop_);
    side->watcher.forget();
    side->is_refused = false;
    side->wake_all(Wake::interrupted);
  }
  // Still open: a duplicate would go on to report events under this number.
  if (special_epoll_ >= 0) epoll_ctl(special_epoll_, EPOLL_CTL_DEL, fd, nullptr);
  record->special.is_armed = false;
  record->special.events = 0;
  while (FdWaiter* waiter = record->special.waiters.pop_front()) unpark(*waiter->greenlet, Wake::interrupted);
  unwatch(fd, hub_);
}

}  // namespace evergreen::core
