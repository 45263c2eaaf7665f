// select and pselect, by the same way as poll: the sets are asked with a zero timeout, and waited for as pollfds.

#include <string.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <new>

#include "patch/clock.h"
#include "patch/poll_wait.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

// The three sets of a call: as the program gave them, a copy that the kernel changes, and as pollfds.
class Sets {
 public:
  Sets(int count, fd_set* read, fd_set* write, fd_set* except) noexcept : given_{read, write, except} {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    count_ = static_cast<int>(std::min<rlim_t>(static_cast<rlim_t>(count), limit.rlim_cur));
    words_ = (static_cast<std::size_t>(count_) + 63) / 64;
    copy_.reset(new (std::nothrow) unsigned long[3 * words_ + 1]);
    pollfds_.reset(new (std::nothrow) pollfd[static_cast<std::size_t>(count_) + 1]);
  }

  [[nodiscard]] bool have_memory() const noexcept { return copy_ != nullptr && pollfds_ != nullptr; }

  // select with a zero timeout, on a copy: the kernel clears what is not ready.
  int ask(const sigset_t* mask) noexcept {
    for (int i = 0; i < 3; ++i) {
      if (given_[i] != nullptr) memcpy(copy(i), given_[i], words_ * sizeof(unsigned long));
    }
    constexpr timespec at_once{};
    return real.pselect(count_, copy(0), copy(1), copy(2), &at_once, mask);
  }

  void give_back() noexcept {
    for (int i = 0; i < 3; ++i) {
      if (given_[i] != nullptr) memcpy(given_[i], copy(i), words_ * sizeof(unsigned long));
    }
  }

  void clear() noexcept {
    for (fd_set* set : given_) {
      if (set != nullptr) memset(set, 0, words_ * sizeof(unsigned long));
    }
  }

  int wait(const char* why, Deadline deadline) noexcept {
    nfds_t used = 0;
    for (int fd = 0; fd < count_; ++fd) {
      const int events = (has(0, fd) ? POLLIN : 0) | (has(1, fd) ? POLLOUT : 0) | (has(2, fd) ? POLLPRI : 0);
      if (events != 0) pollfds_[used++] = {fd, static_cast<short>(events), 0};
    }
    return wait_for_any(pollfds_.get(), used, why, deadline);
  }

 private:
  fd_set* copy(int i) const noexcept {
    return given_[i] == nullptr ? nullptr
                                : reinterpret_cast<fd_set*>(copy_.get() + static_cast<std::size_t>(i) * words_);
  }
  // Not FD_ISSET: a set may be larger than FD_SETSIZE, and fortified code checks that.
  bool has(int i, int fd) const noexcept {
    if (given_[i] == nullptr) return false;
    unsigned long word;
    memcpy(&word, reinterpret_cast<const char*>(given_[i]) + static_cast<std::size_t>(fd / 64) * sizeof word,
           sizeof word);
    return (word >> (fd % 64) & 1) != 0;
  }

  fd_set* given_[3];
  int count_;
  std::size_t words_;
  std::unique_ptr<unsigned long[]> copy_;
  std::unique_ptr<pollfd[]> pollfds_;
};

int select_until(int count, fd_set* read, fd_set* write, fd_set* except, const sigset_t* mask, const char* why,
                 Deadline deadline) {
  const KeepErrno keep;
  Sets sets(count, read, write, except);
  if (!sets.have_memory()) return fail(ENOMEM);
  for (;;) {
    const int ready = sets.ask(mask);
    if (ready > 0) sets.give_back();
    if (ready != 0) return keep(ready);
    if (deadline.has_passed()) {
      sets.clear();
      return keep(0);
    }
    if (const int error = sets.wait(why, slice(deadline, mask))) return fail(error);
  }
}

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

// Waits for events. Cancellation point. A signal ends it. Linux writes the time that is left into `timeout`.
SHIM int select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  const bool at_once = timeout != nullptr && timeout->tv_sec == 0 && timeout->tv_usec == 0;
  const bool invalid = count < 0 || (timeout != nullptr && (timeout->tv_sec < 0 || timeout->tv_usec < 0));
  if (!on_greenlet() || at_once || invalid) return real.select(count, read, write, except, timeout);
  const Deadline deadline = timeout == nullptr
                                ? Deadline::never()
                                : Deadline::in(std::chrono::seconds(std::min<time_t>(timeout->tv_sec, 9'000'000'000)) +
                                               std::chrono::microseconds(timeout->tv_usec));
  const int ready = select_until(count, read, write, except, nullptr, "select", deadline);
  if (timeout != nullptr) {
    const auto left =
        std::max(std::chrono::duration_cast<std::chrono::microseconds>(deadline.when() - Deadline::Clock::now()),
                 std::chrono::microseconds(0));
    *timeout = {left.count() / 1'000'000, left.count() % 1'000'000};
  }
  return ready;
}

SHIM int __select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  return select(count, read, write, except, timeout);
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int pselect(int count, fd_set* read, fd_set* write, fd_set* except, const timespec* timeout,
                 const sigset_t* mask) {
  if (!on_greenlet() || count < 0 || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) {
    return real.pselect(count, read, write, except, timeout, mask);
  }
  const Deadline deadline = timeout == nullptr ? Deadline::never() : Deadline::in(length_of(*timeout));
  return select_until(count, read, write, except, mask, "pselect", deadline);
}
