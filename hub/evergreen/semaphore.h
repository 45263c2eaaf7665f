#pragma once

#include <cstddef>
#include <limits>

#include "evergreen/deadline.h"
#include "evergreen/detail/lockable.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen {

// A number of units that greenlets take and give back; who finds none waits.
//
//     Semaphore connections(10);
//     ...
//     const std::lock_guard one_of_ten(connections);   // or acquire() and release()
//     fetch(url);
//
// Fair: a unit that is given back while somebody waits is the oldest waiter's from that moment on, so who gives back
// and takes again in a loop starves nobody. For wait() it is ready while a unit is free.
//
// Threads: all members from any greenlet of any hub, and from plain kernel threads (acquire() blocks those); a unit may
// be given back by another one than has taken it. Not from signal handlers. It must outlive who waits for it.
// Fork: the child must not use one that greenlets of its parent wait for.
// Follows gevent.lock.Semaphore.
class Semaphore : public detail::Waitable, public detail::Lockable<Semaphore> {
 public:
  // With `units` to be taken.
  explicit Semaphore(std::size_t units = 1) noexcept : Semaphore(units, std::numeric_limits<std::size_t>::max()) {}

  // Takes a unit: waits until there is one, or `deadline` has passed; at once if there is one, whatever the deadline.
  // Returns whether it has taken one. Throws what ends this greenlet (GreenletExit, Timeout), and takes none then.
  bool acquire(Deadline deadline = Deadline::never());

  // The same without waiting. gevent: acquire(blocking=False).
  [[nodiscard]] bool try_acquire() { return acquire(Deadline::now()); }

  // Gives a unit back: to the oldest waiter, if there is one. Never switches. Throws std::logic_error where a
  // BoundedSemaphore or Lock would get more than it began with: somebody gives back what he has not taken.
  void release();

  // Waits until a unit is free, or `deadline` has passed, and takes none; returns how many are. Another greenlet may
  // take them before this one does. Throws what ends this greenlet.
  std::size_t wait(Deadline deadline = Deadline::never());

  // How many units are free.
  [[nodiscard]] std::size_t counter() const;

  // No unit is free.
  [[nodiscard]] bool locked() const { return counter() == 0; }

 protected:
  Semaphore(std::size_t units, std::size_t bound) noexcept : counter_(units), bound_(bound) {}

 private:
  friend class Condition;
  friend class RLock;

  // For Condition: gives the unit back; takes one again, whatever comes meanwhile.
  std::size_t suspend();
  void resume(std::size_t units) noexcept;

  void give() noexcept;
  [[nodiscard]] bool is_ready() const noexcept override { return counter_ != 0; }

  std::size_t counter_;  // nobody waits while it is not zero
  const std::size_t bound_;
};

// A Semaphore that takes back no more units than it began with: release() then throws std::logic_error.
//
//     BoundedSemaphore slots(2);
//     slots.acquire();
//     slots.release();
//     slots.release();   // throws: a bug of this program
//
// Threads, Fork: as Semaphore. Follows gevent.lock.BoundedSemaphore.
class BoundedSemaphore : public Semaphore {
 public:
  // With `units` to be taken, and never more.
  explicit BoundedSemaphore(std::size_t units = 1) noexcept : Semaphore(units, units) {}
};

// A Semaphore that never runs out, and so makes nobody wait: for code that takes the kind of its lock as a parameter.
//
//     Downloader<DummySemaphore> unlimited;
//     Downloader<Semaphore> polite(10);
//
// Threads: any. Follows gevent.lock.DummySemaphore.
class DummySemaphore : public detail::Lockable<DummySemaphore> {
 public:
  // Any number of units is none.
  explicit DummySemaphore(std::size_t /*units*/ = 1) noexcept {}

  // Returns true.
  bool acquire(Deadline /*deadline*/ = Deadline::never()) noexcept { return true; }
  [[nodiscard]] bool try_acquire() noexcept { return true; }

  // Does nothing.
  void release() noexcept {}

  // Returns 1 at once.
  std::size_t wait(Deadline /*deadline*/ = Deadline::never()) noexcept { return 1; }

  // Never; always.
  [[nodiscard]] bool locked() const noexcept { return false; }
  [[nodiscard]] bool ready() const noexcept { return true; }
};

}  // namespace evergreen
