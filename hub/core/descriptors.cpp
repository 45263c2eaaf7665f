#include "hub/core/descriptors.h"

#include <fcntl.h>

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

void Descriptors::forget(int fd) noexcept {
  Record* record = find(fd);
  if (record == nullptr) return;
  for (Side* side : {&record->read, &record->write}) {
    side->watcher.stop(loop_);
    side->watcher.forget();
    side->is_refused = false;
    side->wake_all(Wake::interrupted);
  }
  unwatch(fd, hub_);
}

}  // namespace evergreen::core
