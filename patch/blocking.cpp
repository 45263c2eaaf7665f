#include "patch/blocking.h"

#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <new>

#include "patch/block_or_look.h"

namespace evergreen::patch {

int pending_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

bool is_listening(int fd) noexcept {
  const int saved = errno;
  int listening = 0;
  socklen_t size = sizeof listening;
  const bool known = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0;
  errno = saved;
  return known && listening != 0;
}

constinit std::atomic<bool> sends_may_open{false};

namespace {

bool is_tcp(int fd) noexcept {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

bool is_unix(int fd) noexcept {
  int domain = AF_UNSPEC;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

bool Wait::begin() noexcept {
  if (!begun_) {
    if (traits_.nonblocking && is_nonblocking(fd_)) return false;
    traits_ = traits_before_wait(fd_, traits_);
    deadline_ = socket_deadline(fd_, traits_, direction_ == Direction::read ? SO_RCVTIMEO : SO_SNDTIMEO);
    begun_ = true;
  }
  return !traits_.nonblocking;
}

// Sometimes the kernel calls ready what then has to wait: where only the error queue has something to read, or a
// datagram is for a unix socket whose queue is full. Another reader may also have been first, so it is tried twice.
int Wait::until_ready() {
  if (!begin()) return must_not;
  if (++in_vain_ <= 2 || !is_ready(fd_, direction_))
    return wait_ready(fd_, direction_, why_, deadline_, has_done_part_);
  sleep_a_little(why_, deadline_);
  return deadline_.has_passed() ? EAGAIN : 0;
}

bool Wait::for_more_than_is_there() {
  if (!begin() || look(fd_, POLLRDHUP) != 0 || deadline_.has_passed()) return false;
  sleep_a_little(why_, deadline_);
  return true;
}

// Asking connect tells the outcome, and makes the kernel know that the program was told. Of the address it only looks
// at the family; an open connection is EISCONN.
int Wait::until_open() {
  if (!is_tcp(fd_) || !begin()) return 0;
  while (!is_ready(fd_, Direction::write)) {
    if (const int error = wait_ready(fd_, Direction::write, why_, deadline_)) return error;
  }
  const sockaddr any{AF_INET, {}};
  return real.syscall(SYS_connect, long{fd_}, &any, sizeof any) == 0 || errno == EISCONN ? 0 : errno;
}

bool Wait::is_for_next_call() const noexcept {
  const int seen = look(fd_, direction_ == Direction::read ? POLLPRI : 0);
  int at_mark = 0;
  if ((seen & POLLPRI) != 0) real.ioctl(fd_, SIOCATMARK, &at_mark);
  return at_mark != 0 || ((seen & POLLERR) != 0 && !is_unix(fd_));
}

bool has_error(int fd) noexcept { return (look(fd, 0) & POLLERR) != 0; }

// A unix socket is content with what a look finds.
std::size_t least_of(int fd, const FdTraits& traits, int flags, std::size_t wanted) noexcept {
  if ((flags & MSG_PEEK) != 0 && is_unix(fd)) return 1;
  return (flags & MSG_WAITALL) != 0 ? wanted : std::min(wanted, low_water_mark(fd, traits));
}

RestOf::RestOf(const iovec* list, std::size_t count, std::size_t done) : list_(new (std::nothrow) iovec[count]) {
  if (list_ == nullptr) return;  // an empty list: the transfer ends with what was done
  for (std::size_t i = 0; i < count; ++i) {
    if (done >= list[i].iov_len) {
      done -= list[i].iov_len;
      continue;
    }
    list_[count_++] = {static_cast<char*>(list[i].iov_base) + done, list[i].iov_len - done};
    done = 0;
  }
}

std::size_t total_size(const iovec* list, std::size_t count) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size += list[i].iov_len;
  return std::min(size, most_at_once);
}

}  // namespace evergreen::patch
