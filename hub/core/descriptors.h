// Which greenlets wait for which descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "greenlet/list.h"
#include "hub/core/closing.h"
#include "hub/core/hub_greenlet.h"
#include "hub/core/loop.h"

namespace evergreen::core {

using Direction = FdWatcher::Direction;

// One greenlet's interest in one direction of one descriptor; lives on its stack while it waits. A greenlet may have
// several at once: the first event wakes it.
struct FdWaiter : Link<FdWaiter> {  // Descriptors::Side::waiters, or Special::waiters
  HubGreenlet* greenlet = nullptr;
  std::uint32_t events = 0;  // only in Special::waiters
};

// One hub's record of descriptors. Threads: the one that drives the hub, in runtime.
//
// A watcher stays started after its event and is stopped lazily, by an event that finds no waiter: a connection whose
// greenlet reads, answers and reads again makes no epoll_ctl at all. One event wakes one waiter, the oldest. None is
// lost, because the watchers are level-triggered: what the first one leaves fires again for the next.
//
// libev knows readable and writable only. All else that epoll tells (urgent data, half-closed connections, hang-ups for
// those who do not read) comes from an epoll instance of our own, made when somebody first asks. It stays registered
// there, too, by edges: a state that lasts must not fire again for those who do not want it. An event wakes all who
// want it; then the next who waits has the kernel look again, as somebody may have consumed his edge.
class Descriptors {
 public:
  // `hub`: the number of the hub that it belongs to.
  Descriptors(Loop& loop, unsigned hub) noexcept : loop_(loop), hub_(hub) {}
  ~Descriptors();
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  static constexpr int limit = descriptor_limit;

  // Links the waiter; the next event in that direction unlinks it and unparks its greenlet. Returns false when memory
  // is short, or fd out of range, not open or being closed, or when the kernel has just refused to watch it: epoll
  // instances nest four deep at most, and a user's watches are counted. Who waits for such a descriptor must look at it
  // now and then. The waiter must be unlinked before it dies: with remove(), which does nothing if an event already
  // did.
  bool add(int fd, Direction direction, FdWaiter& waiter) noexcept;
  bool add_special(int fd, std::uint32_t events, FdWaiter& waiter) noexcept;  // of epoll_ctl(2)
  static void remove(FdWaiter& waiter) noexcept {
    if (waiter.is_linked()) waiter.unlink();
  }

  // `fd` is about to be closed, or to mean something else: its waiters are interrupted, its next owner starts afresh.
  void forget(int fd) noexcept;

 private:
  struct Side {
    Side(int fd, Direction direction, Descriptors& owner) noexcept
        : owner(owner), watcher(fd, direction, on_event, this) {}

    static void on_event(FdWatcher& watcher, void* side, bool error);
    void wake_all(Wake how) noexcept;

    Descriptors& owner;
    FdWatcher watcher;
    List<FdWaiter> waiters;   // oldest first
    bool is_refused = false;  // by the loop's epoll, at the last try
  };
  struct Special {
    bool is_armed = false;     // an event since then has not been told
    std::uint32_t events = 0;  // of which the kernel tells: at least what the waiters want
    List<FdWaiter> waiters;
  };
  struct Record {
    Record(int fd, Descriptors& owner) noexcept
        : read(fd, Direction::read, owner), write(fd, Direction::write, owner) {}

    Side read, write;
    Special special;
  };
  static constexpr int chunk_size = 256;
  using Chunk = std::array<std::unique_ptr<Record>, chunk_size>;

  Record* find(int fd) noexcept;
  Record* find_or_make(int fd) noexcept;
  bool arm(int fd, std::uint32_t events) noexcept;
  void on_special_events() noexcept;
  void on_special_event(int fd, std::uint32_t events) noexcept;

  Loop& loop_;
  const unsigned hub_;
  std::array<std::unique_ptr<Chunk>, limit / chunk_size> chunks_;
  int special_epoll_ = -1;
  std::optional<FdWatcher> special_watcher_;
};

}  // namespace evergreen::core
