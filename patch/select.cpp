// select and pselect, by the same way as poll: the sets are asked with a zero timeout, and waited for as pollfds.

#include <string.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "patch/block_or_look.h"
#include "patch/clock.h"
#include "patch/own_descriptors.h"
#include "patch/poll_wait.h"
#include "patch/shim.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

constexpr timespec at_once{};
constexpr time_t longest_time = 4'000'000'000;  // seconds

bool can_be_read(const void* memory, std::size_t size) noexcept {
  constexpr std::size_t piece = 4096;
  for (std::size_t done = 0; done < size; done += piece) {
    if (!is_readable(static_cast<const char*>(memory) + done, std::min(piece, size - done))) return false;
  }
  return true;
}

// The three sets of a call: the program's, as it gave them, and a copy that the kernel changes; and all as pollfds.
class Sets {
 public:
  Sets(int count, fd_set* read, fd_set* write, fd_set* except) noexcept
      : count_(count), words_((static_cast<std::size_t>(count) + 63) / 64), programs_{read, write, except} {
    memory_.reset(new (std::nothrow) unsigned long[6 * words_ + 1]);
    pollfds_.reset(new (std::nothrow) pollfd[static_cast<std::size_t>(count_) + 1]);
  }

  [[nodiscard]] bool have_memory() const noexcept { return memory_ != nullptr && pollfds_ != nullptr; }

  // Remembers what the program gave. False where that cannot be read.
  bool remember() noexcept {
    return for_each([this](int i) {
      if (!can_be_read(programs_[i], size())) return false;
      memcpy(given(i), programs_[i], size());
      return true;
    });
  }

  // With a zero timeout, first on the program's own sets: where the kernel cannot read or write them, it says so. Where
  // nothing is ready it clears them, as they must be when the time runs out.
  int ask_first(const sigset_t* mask) {
    return real.pselect(count_, programs_[0], programs_[1], programs_[2], &at_once, mask);
  }

  int ask_again() {
    for_each([this](int i) { return memcpy(copy(i), given(i), size()) != nullptr; });
    fd_set* sets[3];
    for (int i = 0; i < 3; ++i) sets[i] = programs_[i] == nullptr ? nullptr : reinterpret_cast<fd_set*>(copy(i));
    const int ready = real.pselect(count_, sets[0], sets[1], sets[2], &at_once, nullptr);
    if (ready > 0) for_each([this](int i) { return memcpy(programs_[i], copy(i), size()) != nullptr; });
    return ready;
  }

  // A call that fails leaves the sets as they were given: who is interrupted calls again with them.
  void give_back() {
    for_each([this](int i) { return memcpy(programs_[i], given(i), size()) != nullptr; });
  }

  int wait(const char* why, Deadline deadline) {
    nfds_t used = 0;
    for (int fd = 0; fd < count_; ++fd) {
      const int events = (has(0, fd) ? POLLIN : 0) | (has(1, fd) ? POLLOUT : 0) | (has(2, fd) ? POLLPRI : 0);
      if (events != 0) pollfds_[used++] = {fd, static_cast<short>(events), 0};
    }
    return wait_for_any(pollfds_.get(), used, 0, why, deadline);
  }

 private:
  // Calls function(i) for each set that the program gave, until it returns false.
  template <class Function>
  bool for_each(Function function) noexcept {
    for (int i = 0; i < 3; ++i) {
      if (programs_[i] != nullptr && !function(i)) return false;
    }
    return true;
  }

  [[nodiscard]] std::size_t size() const noexcept { return words_ * sizeof(unsigned long); }
  [[nodiscard]] unsigned long* given(int i) const noexcept {
    return memory_.get() + static_cast<std::size_t>(i) * words_;
  }
  [[nodiscard]] unsigned long* copy(int i) const noexcept { return given(i + 3); }
  // Not FD_ISSET: a set may be larger than FD_SETSIZE, and fortified code checks that.
  [[nodiscard]] bool has(int i, int fd) const noexcept {
    return programs_[i] != nullptr && (given(i)[fd / 64] >> (fd % 64) & 1) != 0;
  }

  const int count_;
  const std::size_t words_;
  fd_set* const programs_[3];
  std::unique_ptr<unsigned long[]> memory_;
  std::unique_ptr<pollfd[]> pollfds_;
};

int select_until(int count, fd_set* read, fd_set* write, fd_set* except, const sigset_t* mask, const char* why,
                 Deadline deadline) {
  const KeepErrno keep;
  Sets sets(count, read, write, except);
  if (!sets.have_memory()) return fail(ENOMEM);
  const bool readable = sets.remember();
  const int at_first = sets.ask_first(mask);
  if (!readable || at_first != 0) return keep(at_first);
  const int ready_at_last = wait_with_mask(
      mask, deadline, [&] { return sets.wait(why, deadline); },
      [&] {
        const int ready = sets.ask_again();
        // Woken for what select does not count, as a hang-up where only room is asked for: that
        // stays so.
        if (ready == 0) sleep_a_little(why, deadline);
        return ready;
      });
  if (ready_at_last < 0) sets.give_back();
  return keep(ready_at_last);
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Waits for events. Cancellation point. A signal ends it. Linux writes the time that is left into `timeout`.
//
// libc takes no more of the microseconds than an int, and of the seconds all.
SHIM int select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  if (started()) count = count_for_kernel(count);
  if (!on_greenlet() || count < 0) return real.select(count, read, write, except, timeout);
  if (timeout == nullptr) return select_until(count, read, write, except, nullptr, "select", Deadline::never());
  const int microseconds = static_cast<int>(timeout->tv_usec);
  const bool at_once = timeout->tv_sec == 0 && microseconds == 0;
  if (at_once || timeout->tv_sec < 0 || microseconds < 0) return real.select(count, read, write, except, timeout);
  const std::chrono::microseconds more(microseconds);
  const auto begin = Deadline::Clock::now();
  const bool ends = timeout->tv_sec <= longest_time;
  const Deadline deadline =
      ends ? Deadline::at(begin + std::chrono::seconds(timeout->tv_sec) + more) : Deadline::never();
  const int ready = select_until(count, read, write, except, nullptr, "select", deadline);
  const auto left = more - std::chrono::ceil<std::chrono::microseconds>(Deadline::Clock::now() - begin);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  constexpr time_t most = std::numeric_limits<time_t>::max() - 1'000'000;
  *timeout = {std::min(timeout->tv_sec, most) + seconds.count(), (left - seconds).count()};
  if (timeout->tv_sec < 0) *timeout = {};
  return ready;
}

SHIM int __select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  return select(count, read, write, except, timeout);
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int pselect(int count, fd_set* read, fd_set* write, fd_set* except, const timespec* timeout,
                 const sigset_t* mask) {
  if (started()) count = count_for_kernel(count);
  if (!on_greenlet() || count < 0 || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) {
    return real.pselect(count, read, write, except, timeout, mask);
  }
  const Deadline deadline = deadline_in(timeout);
  return select_until(count, read, write, except, mask, "pselect", deadline);
}
