#include "evergreen/barrier.h"

#include <mutex>
#include <utility>

namespace evergreen {

Barrier::Barrier(std::size_t parties, std::function<void()> action)
    : parties_(parties), action_(std::move(action)), round_(std::make_shared<Round>()) {
  if (parties == 0) throw std::invalid_argument("a barrier needs at least one party");
}

std::size_t Barrier::wait(Deadline deadline) {
  std::unique_lock guard(lock_);
  const auto round = round_;
  if (round->is_broken) throw BrokenBarrierError();
  if (++round->came == parties_) {
    complete(*round);
    return round->left++;
  }
  bool in_time = false;
  try {
    in_time = changed_.wait(
        guard, [&] { return round->is_full || round->is_broken; }, deadline);
  } catch (...) {
    --round->came;
    throw;
  }
  if (!in_time) break_round(*round);
  if (round->is_broken) throw BrokenBarrierError();
  return round->left++;
}

// By the last to come, under the lock.
void Barrier::complete(Round& round) {
  try {
    auto next = std::make_shared<Round>();
    if (action_) action_();
    round_ = std::move(next);
  } catch (...) {
    break_round(round);
    throw;
  }
  round.is_full = true;
  changed_.notify_all();
}

void Barrier::break_round(Round& round) {
  round.is_broken = true;
  changed_.notify_all();
}

void Barrier::abort() {
  const std::lock_guard guard(lock_);
  break_round(*round_);
}

void Barrier::reset() {
  const std::lock_guard guard(lock_);
  auto next = std::make_shared<Round>();
  if (round_->came != 0) break_round(*round_);
  round_ = std::move(next);
}

bool Barrier::broken() const {
  const std::lock_guard guard(lock_);
  return round_->is_broken;
}

std::size_t Barrier::n_waiting() const {
  const std::lock_guard guard(lock_);
  return round_->is_broken ? 0 : round_->came;
}

}  // namespace evergreen
