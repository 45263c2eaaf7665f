// poll and ppoll: ask without waiting, park on all descriptors, ask again. No system call a descriptor: the hub's
// watchers stay started from call to call.
//
// libev knows readable and writable only. Entries that want something else (POLLPRI, POLLRDHUP alone, errors alone) are
// put into an epoll instance with exactly their events, and that one is waited for.

#include <sys/epoll.h>

#include <memory>
#include <new>

#include "hub/core/closing.h"
#include "hub/core/wait_fd.h"
#include "patch/clock.h"
#include "patch/poll_wait.h"
#include "patch/shim.h"

namespace evergreen::patch {
namespace {

constexpr short reads = POLLIN | POLLRDNORM, writes = POLLOUT | POLLWRNORM | POLLWRBAND;
constexpr short implied = POLLRDHUP;  // by readable
constexpr short unasked = POLLERR | POLLHUP | POLLNVAL;

bool is_plain(const pollfd& entry) noexcept {
  const bool needs_more = (entry.events & ~(reads | writes | implied | unasked)) != 0;
  return !needs_more && (entry.events & (reads | writes)) != 0 &&
         ((entry.events & implied) == 0 || (entry.events & reads) != 0);
}

// An epoll instance for the entries that are not plain.
class Special {
 public:
  Special() = default;
  ~Special() {
    if (epoll_ < 0) return;
    const core::Closing closing(epoll_);
    real.close(epoll_);
  }
  Special(const Special&) = delete;
  Special& operator=(const Special&) = delete;

  // Entry `i` of fds. Returns whether an event of it will be seen: not where descriptors or memory are short.
  bool add(const pollfd* fds, nfds_t i) noexcept {
    if (epoll_ < 0 && (epoll_ = real.epoll_create1(EPOLL_CLOEXEC)) < 0) return false;
    epoll_event event{};
    event.events = static_cast<std::uint16_t>(fds[i].events);
    if (real.epoll_ctl(epoll_, EPOLL_CTL_ADD, fds[i].fd, &event) == 0) return true;
    if (errno == EPERM) return true;  // a regular file, or the like: never has such an event
    if (errno != EEXIST) return false;
    for (nfds_t j = 0; j < i; ++j) {  // twice in the set: for the events of both
      if (fds[j].fd == fds[i].fd && !is_plain(fds[j])) event.events |= static_cast<std::uint16_t>(fds[j].events);
    }
    return real.epoll_ctl(epoll_, EPOLL_CTL_MOD, fds[i].fd, &event) == 0;
  }

  [[nodiscard]] int fd() const noexcept { return epoll_; }

 private:
  int epoll_ = -1;
};

void wait_with(core::FdInterest* interests, const pollfd* fds, nfds_t count, const char* why, Deadline deadline) {
  Special special;
  std::size_t used = 0;
  for (nfds_t i = 0; i < count; ++i) {
    if (fds[i].fd < 0) continue;
    if (is_plain(fds[i])) {
      interests[used++] = {fds[i].fd, (fds[i].events & reads) != 0, (fds[i].events & writes) != 0};
    } else if (!special.add(fds, i)) {
      deadline = std::min(deadline, Deadline::in(std::chrono::milliseconds(1)));  // look again soon
    }
  }
  if (special.fd() >= 0) interests[used++] = {special.fd(), true, false};
  core::wait_any_fd({interests, used}, why, deadline);
}

}  // namespace

int wait_for_any(const pollfd* fds, nfds_t count, const char* why, Deadline deadline) noexcept {
  core::FdInterest few[16];
  if (count < std::size(few)) {
    wait_with(few, fds, count, why, deadline);
    return 0;
  }
  const std::unique_ptr<core::FdInterest[]> many(new (std::nothrow) core::FdInterest[count + 1]);
  if (many == nullptr) return ENOMEM;
  wait_with(many.get(), fds, count, why, deadline);
  return 0;
}

Deadline slice(Deadline deadline, const sigset_t* mask) noexcept {
  return mask == nullptr ? deadline : std::min(deadline, Deadline::in(std::chrono::milliseconds(10)));
}

}  // namespace evergreen::patch

using namespace evergreen;
using namespace evergreen::patch;

namespace {

// `ask` is the real call with a zero timeout.
template <class Ask>
int poll_until(pollfd* fds, nfds_t count, const sigset_t* mask, const char* why, Deadline deadline, Ask ask) {
  const KeepErrno keep;
  for (;;) {
    const int ready = ask();
    if (ready != 0) return keep(ready);
    if (deadline.has_passed()) return keep(0);
    if (const int error = wait_for_any(fds, count, why, slice(deadline, mask))) return fail(error);
  }
}

}  // namespace

// Waits for events. Cancellation point. A signal ends it.
SHIM int poll(pollfd* fds, nfds_t count, int timeout) {
  if (!on_greenlet() || timeout == 0) return real.poll(fds, count, timeout);
  const Deadline deadline = deadline_in_milliseconds(timeout);
  return poll_until(fds, count, nullptr, "poll", deadline, [&] { return real.poll(fds, count, 0); });
}

SHIM int __poll(pollfd* fds, nfds_t count, int timeout) { return poll(fds, count, timeout); }

SHIM int __poll_chk(pollfd* fds, nfds_t count, int timeout, size_t fds_size) {
  if (fds_size / sizeof *fds < count) __chk_fail();
  return poll(fds, count, timeout);
}

// Waits for events. Cancellation point. A signal ends it.
SHIM int ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (!on_greenlet() || (timeout != nullptr && (!is_valid(*timeout) || timeout->tv_sec < 0))) {
    return real.ppoll(fds, count, timeout, mask);
  }
  const Deadline deadline = timeout == nullptr ? Deadline::never() : Deadline::in(length_of(*timeout));
  constexpr timespec at_once{};
  return poll_until(fds, count, mask, "ppoll", deadline, [&] { return real.ppoll(fds, count, &at_once, mask); });
}

SHIM int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t fds_size) {
  if (fds_size / sizeof *fds < count) __chk_fail();
  return ppoll(fds, count, timeout, mask);
}
