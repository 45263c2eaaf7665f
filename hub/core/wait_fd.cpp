#include "hub/core/wait_fd.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "hub/core/hub.h"
#include "hub/core/solo.h"

namespace evergreen::core {
namespace {

Wake sleep_a_little(const char* why, Deadline deadline) {
  const Wake wake = sleep_until(std::min(deadline, Deadline::in(std::chrono::milliseconds(1))), why);
  if (wake == Wake::signalled || wake == Wake::ended) return wake;
  return deadline.has_passed() ? Wake::timed_out : Wake::woken;
}

Wake wait_any(std::span<const FdInterest> interests, FdWaiter* waiters, const char* why, Deadline deadline) {
  HubGreenlet& self = *current;
  FdWaiter* const first = waiters;
  bool complete = true;
  const Runtime runtime;  // first: no handler may park in between
  prepare_to_park(self, Hears::everything);
  if (stays_solo(self)) {
    const Deadline limit = limit_of(self);
    const auto end = poll_solo(self, interests, std::min(deadline, limit));
    if (end == Wake::timed_out && limit < deadline) return Wake::ended;
    if (end) return *end;
  }
  if (running_hub == nullptr) go_home();
  Descriptors& descriptors = self.home->descriptors();
  const auto add = [&](int fd, Direction direction) {
    waiters->greenlet = &self;
    complete = descriptors.add(fd, direction, *waiters++) && complete;
  };
  for (const FdInterest& interest : interests) {
    if (interest.read) add(interest.fd, Direction::read);
    if (interest.write) add(interest.fd, Direction::write);
    if (interest.special != 0) {
      waiters->greenlet = &self;
      complete = descriptors.add_special(interest.fd, interest.special, *waiters++) && complete;
    }
  }
  self.home->count_fd_wait(+1);
  const Wake wake = complete ? park_within_limit(self, why, deadline) : sleep_a_little(why, deadline);
  self.home->count_fd_wait(-1);
  for (FdWaiter* waiter = first; waiter != waiters; ++waiter) Descriptors::remove(*waiter);
  return wake;
}

}  // namespace

Wake wait_fd(int fd, Direction direction, const char* why, Deadline deadline) {
  const FdInterest interest{fd, direction == Direction::read, direction == Direction::write};
  FdWaiter waiter;
  return wait_any({&interest, 1}, &waiter, why, deadline);
}

Wake wait_any_fd(std::span<const FdInterest> interests, const char* why, Deadline deadline) {
  constexpr std::size_t most_each = 3;
  std::array<FdWaiter, 16> few;
  if (interests.size() * most_each <= few.size()) return wait_any(interests, few.data(), why, deadline);
  const std::unique_ptr<FdWaiter[]> many(new (std::nothrow) FdWaiter[interests.size() * most_each]);
  if (many == nullptr) return sleep_a_little(why, deadline);
  return wait_any(interests, many.get(), why, deadline);
}

Wake sleep_until(Deadline deadline, const char* why, Hears hears) {
  const Runtime runtime;
  HubGreenlet& self = current_or_thread();
  prepare_to_park(self, hears);
  return hears == Hears::everything ? park_within_limit(self, why, deadline) : park(self, why, deadline);
}

}  // namespace evergreen::core
