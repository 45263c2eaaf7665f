// recvmmsg and sendmmsg: several messages of one socket. The kernel's own calls, as often as there is something to wait
// for in between.

#include <limits.h>

#include <algorithm>

#include "patch/blocking.h"
#include "patch/message.h"
#include "patch/offload.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// A recvmmsg's timeout, which the kernel looks at after each message: it ends no wait, and what is left is written back
// when messages have come. attempt(timeout) is the call; the kernel has the program's own memory once at least.
class MessageTimeout {
 public:
  explicit MessageTimeout(timespec* timeout) noexcept : timeout_(timeout) {
    if (timeout_ != nullptr) began_ = Deadline::Clock::now();
  }

  template <class Attempt>
  int operator()(Attempt attempt) {
    if (timeout_ == nullptr) return attempt(nullptr);
    if (!is_second_) {
      is_second_ = true;
      return attempt(timeout_);
    }
    timespec rest = left();
    const int got = attempt(&rest);
    if (got > 0 && !give_time(timeout_, rest)) {
      return fail(EFAULT);
    }
    return got;
  }

  [[nodiscard]] bool has_passed() const noexcept {
    return timeout_ != nullptr && timeout_->tv_sec == 0 && timeout_->tv_nsec == 0;
  }

 private:
  [[nodiscard]] timespec left() const noexcept {
    const auto gone = std::chrono::nanoseconds(Deadline::Clock::now() - began_).count();
    timespec rest{timeout_->tv_sec - gone / second, timeout_->tv_nsec - gone % second};
    if (rest.tv_nsec < 0) rest = {rest.tv_sec - 1, rest.tv_nsec + second};
    return rest.tv_sec < 0 ? timespec{} : rest;
  }

  static constexpr long second = 1'000'000'000;
  timespec* const timeout_;
  Deadline::Clock::time_point began_;
  bool is_second_ = false;
};

int receive_messages(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket() || count == 0) return real.recvmmsg(fd, messages, count, flags, timeout);
  const KeepErrno keep;
  unsigned done = 0;
  for (;;) {
    MessageTimeout timed(timeout);
    const ssize_t got = receive(
        fd, traits, [] { return 0U; }, 0, "recvmmsg",
        [&](std::size_t, int more) {
          if (done != 0 && has_error(fd)) return 0;  // it is for the next call
          return timed(
              [&](timespec* left) { return real.recvmmsg(fd, messages + done, count - done, flags | more, left); });
        });
    if (got <= 0) return done != 0 ? keep(static_cast<int>(done)) : static_cast<int>(got);
    done += static_cast<unsigned>(got);
    const bool enough = done == count || (flags & MSG_WAITFORONE) != 0 || timed.has_passed();
    if (enough || (messages[done - 1].msg_hdr.msg_flags & MSG_OOB) != 0) return keep(static_cast<int>(done));
  }
}

// The last message of a stream may have been sent in part. Returns whether it has all been sent now.
bool send_rest(int fd, mmsghdr& message, int flags) {
  const msghdr& header = message.msg_hdr;
  const std::size_t size = total_size(header.msg_iov, header.msg_iovlen);
  if (message.msg_len >= size) return true;
  const RestOf rest(header.msg_iov, header.msg_iovlen, message.msg_len);
  msghdr tail{};
  tail.msg_iov = rest.list();
  tail.msg_iovlen = rest.count();
  const ssize_t sent = ::sendmsg(fd, &tail, (flags & ~MSG_FASTOPEN) | MSG_NOSIGNAL);
  if (sent > 0) message.msg_len += static_cast<unsigned>(sent);
  return message.msg_len >= size;
}

int send_messages(int fd, mmsghdr* messages, unsigned count, int flags) {
  const FdTraits traits = traits_of(fd);
  if (!traits.is_socket() || count == 0) return real.sendmmsg(fd, messages, count, flags);
  const KeepErrno keep;
  count = std::min<unsigned>(count, IOV_MAX);  // as the kernel does
  unsigned done = 0;
  do {
    const ssize_t sent = transmit(
        fd, traits, [] { return 0U; }, "sendmmsg",
        [&](std::size_t, int more) {
          if (done != 0) more |= MSG_NOSIGNAL;  // what stopped the call before has raised it
          return real.sendmmsg(fd, messages + done, count - done, flags | more);
        });
    if (sent < 0) return done != 0 ? keep(static_cast<int>(done)) : -1;
    done += static_cast<unsigned>(sent);
  } while ((traits.kind != FdKind::stream || send_rest(fd, messages[done - 1], flags)) && done < count);
  return keep(static_cast<int>(done));
}

// Collects each message in pieces, which is for libc's call to do.
bool collects(int fd, int flags) noexcept { return (flags & MSG_WAITALL) != 0 && traits_of(fd).kind == FdKind::stream; }

}  // namespace
}  // namespace evergreen::patch

using namespace evergreen::patch;

// Waits for all the messages. Cancellation point. Restarts after a signal.
SHIM int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const auto libc_call = [=] { return real.recvmmsg(fd, messages, count, flags, timeout); };
  int got;
  if (!on_greenlet() || (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)) != 0) {
    got = libc_call();
  } else {
    got = collects(fd, flags) ? offloaded(libc_call) : receive_messages(fd, messages, count, flags, timeout);
  }
  for (int i = 0; i < got; ++i) note_received(messages[i].msg_hdr);
  return got;
}

// Waits until all the messages are sent. Cancellation point. Restarts after a signal.
SHIM int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  const bool waits = on_greenlet() && (flags & MSG_DONTWAIT) == 0;
  const int sent = waits ? send_messages(fd, messages, count, flags) : real.sendmmsg(fd, messages, count, flags);
  for (int i = 0; i < sent; ++i) note_sent(messages[i].msg_hdr);
  return sent;
}
