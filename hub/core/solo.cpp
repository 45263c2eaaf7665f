#include "hub/core/solo.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>

#include "greenlet/list.h"
#include "greenlet/spin_lock.h"
#include "hub/core/carrier.h"
#include "hub/core/closing.h"
#include "hub/core/park.h"
#include "hub/core/provoke.h"
#include "hub/core/runtime.h"
#include "hub/core/wait_fd.h"

namespace evergreen::core {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds short_run(1);
constexpr std::uint16_t runs_to_trust = provoking ? 4 : 200;
constexpr milliseconds longest_wait(provoking ? 1 : 5'000);

// One poll_solo(), for those who close descriptors; lives on its stack.
struct SoloWait : Link<SoloWait> {
  SoloWait(HubGreenlet& greenlet, std::span<const FdInterest> interests) : greenlet(greenlet), interests(interests) {}

  HubGreenlet& greenlet;
  const std::span<const FdInterest> interests;
};

struct Waits {
  SpinLock lock;  // guards `all`
  List<SoloWait> all;
};

// Never destroyed: solo greenlets run until the process is gone.
Waits& waits() noexcept {
  alignas(Waits) static std::byte memory[sizeof(Waits)];
  static auto* const instance = new (memory) Waits;
  return *instance;
}

// Beside Waits::all, so that whoever closes a descriptor mostly does with one load. With the descriptor's closing mark
// it forms the usual pair: each side writes its own and then reads the other's.
constinit std::atomic<std::size_t> wait_count{0};

bool is_closing_any(std::span<const FdInterest> interests) noexcept {
  return std::ranges::any_of(interests, [](const FdInterest& interest) { return is_closing(interest.fd); });
}

int poll_until(pollfd* fds, nfds_t count, Deadline deadline) noexcept {
  // Not by libc's ppoll: a cancellation would unwind us.
  if (deadline.is_never()) return static_cast<int>(syscall(SYS_ppoll, fds, count, nullptr, nullptr, 0));
  const auto left = std::max(deadline.when() - Deadline::Clock::now(), Deadline::Clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  timespec time{seconds.count(), (left - seconds).count()};
  return static_cast<int>(syscall(SYS_ppoll, fds, count, &time, nullptr, 0));
}

// The last entry is the carrier's own.
void fill(pollfd* fds, std::span<const FdInterest> interests, int kicked) noexcept {
  for (const FdInterest& interest : interests) {
    const int events =
        (interest.read ? POLLIN : 0) | (interest.write ? POLLOUT : 0) | static_cast<std::uint16_t>(interest.special);
    *fds++ = {interest.fd, static_cast<short>(events), 0};
  }
  *fds = {kicked, POLLIN, 0};
}

// Nobody woke us: from `word` back to awake, hearing as before. False if somebody has just done it.
bool give_up(HubGreenlet& self, std::uint32_t word) noexcept {
  return self.parking.compare_exchange_strong(word, word & HubGreenlet::marks);
}

// Blocks until the greenlet is woken, or until the deadline: then the word is `awake` again, so that whoever wakes it
// from now on is heard by its next park. Returns whether it was woken.
bool block_until(HubGreenlet& self, Deadline deadline) noexcept {
  const std::uint32_t word = begin_park(self, HubGreenlet::blocked);
  if (word == 0) return true;
  const timespec until = deadline.kernel_time();  // not used if it is never
  const int saved = errno;
  bool woken = false;
  do {
    provoke();
    syscall(SYS_futex, &self.parking, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, word,
            deadline.is_never() ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
    woken = self.parking.load() != word;
  } while (!woken && !(deadline.has_passed() && give_up(self, word)));
  errno = saved;
  return woken;
}

std::optional<Wake> poll_with(HubGreenlet& self, pollfd* fds, std::span<const FdInterest> interests,
                              Deadline deadline) noexcept {
  const Deadline until = std::min(deadline, Deadline::in(longest_wait));
  const int kicked = my_carrier->kick_fd();
  fill(fds, interests, kicked);
  SoloWait wait(self, interests);
  {
    const std::lock_guard guard(waits().lock);
    waits().all.push_back(wait);
  }
  wait_count.fetch_add(1);
  int ready = 0;
  if (is_closing_any(interests)) {
    ready = 1;  // look again soon, until the number has been closed
    poll_until(fds, 0, Deadline::in(milliseconds(1)));
  } else if (kicked < 0) {
    ready = 1;
    poll_until(fds, interests.size(), Deadline::in(milliseconds(1)));
  } else if (const std::uint32_t word = begin_park(self, HubGreenlet::polling)) {
    provoke();
    do {
      ready = poll_until(fds, interests.size() + 1, until);
    } while (ready < 0 && errno == EINTR);
    give_up(self, word);
  }
  wait_count.fetch_sub(1);
  {
    const std::lock_guard guard(waits().lock);  // who interrupts us has done with us when we get it
    wait.unlink();
  }
  if (kicked >= 0 && fds[interests.size()].revents != 0) my_carrier->take_kick();
  if ((self.parking.load() & ~std::uint32_t{HubGreenlet::marks}) != HubGreenlet::awake) return take_outcome(self);
  if (ready != 0) return Wake::woken;
  if (deadline.has_passed()) return Wake::timed_out;
  return std::nullopt;
}

}  // namespace

bool stays_solo(HubGreenlet& self) noexcept {
  if (running_hub != nullptr || !self.solo.load(std::memory_order_relaxed)) return false;
  const bool was_short = Deadline::Clock::now() - self.woke < short_run;
  self.short_runs = was_short ? self.short_runs + 1 : 0;
  return self.short_runs < runs_to_trust && Carriers::plenty();
}

std::uint32_t begin_park(HubGreenlet& self, HubGreenlet::Parking how) noexcept {
  std::uint32_t seen = self.parking.load(std::memory_order_relaxed) & HubGreenlet::marks;  // else it is awake no more
  const std::uint32_t word = seen | how;
  return self.parking.compare_exchange_strong(seen, word) ? word : 0;
}

Wake take_outcome(HubGreenlet& self) noexcept {
  switch (self.parking.exchange(HubGreenlet::awake)) {
    case HubGreenlet::timed_out:
      return Wake::timed_out;
    case HubGreenlet::interrupted:
      return Wake::interrupted;
    case HubGreenlet::signalled:
      return Wake::signalled;
    case HubGreenlet::ended:
      return Wake::ended;
    default:
      return Wake::woken;
  }
}

Wake block_thread(HubGreenlet& self, Deadline deadline) noexcept {
  return block_until(self, deadline) ? take_outcome(self) : Wake::timed_out;
}

std::optional<Wake> block_solo(HubGreenlet& self, Deadline deadline) noexcept {
  const bool woken = block_until(self, std::min(deadline, Deadline::in(longest_wait)));
  provoke();
  self.woke = Deadline::Clock::now();
  if (woken) return take_outcome(self);
  return deadline.has_passed() ? std::optional(Wake::timed_out) : std::nullopt;
}

std::optional<Wake> poll_solo(HubGreenlet& self, std::span<const FdInterest> interests, Deadline deadline) noexcept {
  const int saved = errno;
  std::array<pollfd, 17> few;
  std::unique_ptr<pollfd[]> many;
  if (interests.size() >= few.size()) many.reset(new (std::nothrow) pollfd[interests.size() + 1]);
  if (interests.size() >= few.size() && many == nullptr) return std::nullopt;
  const auto how = poll_with(self, many != nullptr ? many.get() : few.data(), interests, deadline);
  self.woke = Deadline::Clock::now();
  errno = saved;
  return how;
}

bool any_solo_waits() noexcept { return wait_count.load() != 0; }

void interrupt_solo_waits(int fd) noexcept {
  const Runtime runtime;
  const std::lock_guard guard(waits().lock);
  for (SoloWait* wait = waits().all.first(); wait != nullptr; wait = waits().all.after(*wait)) {
    const bool waits_for_it =
        std::ranges::any_of(wait->interests, [fd](const FdInterest& interest) { return interest.fd == fd; });
    if (waits_for_it) unpark(wait->greenlet, Wake::interrupted);
  }
}

void forget_solo_waits() noexcept {
  new (&waits()) Waits;
  wait_count = 0;
}

}  // namespace evergreen::core
