#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>

#include "evergreen/condition.h"
#include "evergreen/deadline.h"
#include "evergreen/lock.h"

namespace evergreen {

// Thrown by Barrier::wait() when not all of the others will come. Follows threading.BrokenBarrierError.
class BrokenBarrierError : public std::runtime_error {
 public:
  BrokenBarrierError() : runtime_error("the barrier is broken") {}
};

// Where a fixed number of greenlets wait for each other; and again for the next round.
//
//     Barrier ready(3);
//     for (auto& player : players) spawn([&] { player.load(); ready.wait(); player.play(); });
//
// Threads: all members from any greenlet of any hub, and from plain kernel threads (which wait() blocks). Not from
// signal handlers. It must outlive who waits for it. Fork: the child must not use one that greenlets of its parent wait
// for. Follows threading.Barrier (gevent.monkey.patch_thread).
class Barrier {
 public:
  // For `parties` at a time. The last to come calls `action` before the others go on, while nobody else can use the
  // barrier, and `action` itself must not. Throws std::invalid_argument if `parties` is 0.
  explicit Barrier(std::size_t parties, std::function<void()> action = nullptr);

  // Waits until all have come. Returns a number of its own to each of them, from 0 to parties - 1.
  // Throws BrokenBarrierError if the barrier is broken, now or meanwhile: when the `deadline` of one of them has
  // passed, by reset() or abort(), or since the action threw, which the last one throws. Throws what ends this greenlet
  // (GreenletExit, Timeout), which then does not count as having come.
  std::size_t wait(Deadline deadline = Deadline::never());

  // Breaks it until reset().
  void abort();

  // Makes it as new. Who waits gets BrokenBarrierError.
  void reset();

  // Whether it is broken; how many it waits for.
  [[nodiscard]] bool broken() const;
  [[nodiscard]] std::size_t parties() const noexcept { return parties_; }

  // How many have come, and wait for the others.
  [[nodiscard]] std::size_t n_waiting() const;

 private:
  // Those who leave together.
  struct Round {
    std::size_t came = 0;
    std::size_t left = 0;
    bool is_full = false;
    bool is_broken = false;
  };

  void break_round(Round& round);
  void complete(Round& round);

  const std::size_t parties_;
  const std::function<void()> action_;
  mutable Lock lock_;  // guards what follows
  Condition changed_;
  std::shared_ptr<Round> round_;
};

}  // namespace evergreen
