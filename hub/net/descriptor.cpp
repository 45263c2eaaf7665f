#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "evergreen/io.h"
#include "hub/core/closing.h"
#include "hub/core/runtime.h"
#include "hub/net/wait.h"

namespace evergreen {
namespace {

using net::Direction;

// A pipe without a reader shall be an error, as everywhere else, and not the end of the process. By the kernel's mask:
// nothing switches in this scope.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() noexcept {
    syscall(SYS_rt_sigpending, &before_, sizeof before_);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &mask_, sizeof mask_);
  }
  ~NoBrokenPipeSignal() {
    const int saved = errno;
    const timespec at_once{};
    if (saved == EPIPE && (before_ & pipe) == 0) syscall(SYS_rt_sigtimedwait, &pipe, nullptr, &at_once, sizeof pipe);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask_, nullptr, sizeof mask_);
    errno = saved;
  }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;

 private:
  using KernelMask = unsigned long;
  static constexpr KernelMask pipe = 1UL << (SIGPIPE - 1);

  KernelMask before_ = 0, mask_ = 0;
};

bool is_regular(int fd) noexcept {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// After an attempt with RWF_NOWAIT has failed: whether the plain call would not block now. A FIFO that was opened by
// its name, a terminal and others know no RWF_NOWAIT; a regular file knows no readiness.
bool may_call_plainly(int fd, Direction direction, const char* call) {
  const int error = errno;
  const bool may = (error == EOPNOTSUPP && net::wait_until_ready(fd, direction, call, Deadline::now())) ||
                   (error == EAGAIN && is_regular(fd));
  errno = error == EOPNOTSUPP ? EAGAIN : error;
  return may;
}

ssize_t try_to_read(int fd, std::span<char> into) {
  const iovec all{into.data(), into.size()};
  const ssize_t got = preadv2(fd, &all, 1, -1, RWF_NOWAIT);
  return got < 0 && may_call_plainly(fd, Direction::read, "read") ? read(fd, into.data(), into.size()) : got;
}

ssize_t write_at_once(int fd, std::string_view data, bool plainly) {
  const core::Runtime runtime;  // the patch's shims would have the signal come
  const NoBrokenPipeSignal scope;
  const iovec all{const_cast<char*>(data.data()), data.size()};
  return plainly ? write(fd, data.data(), data.size()) : pwritev2(fd, &all, 1, -1, RWF_NOWAIT);
}

// What is writable has room for PIPE_BUF bytes, no more.
ssize_t try_to_write(int fd, std::string_view data) {
  const ssize_t put = write_at_once(fd, data, false);
  if (put >= 0 || !may_call_plainly(fd, Direction::write, "write")) return put;
  return write_at_once(fd, data.substr(0, PIPE_BUF), true);
}

}  // namespace

bool wait_readable(int fd, Deadline deadline) {
  return net::wait_until_ready(fd, Direction::read, "wait_readable", deadline);
}

bool wait_writable(int fd, Deadline deadline) {
  return net::wait_until_ready(fd, Direction::write, "wait_writable", deadline);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  const int fd = other.release();
  close();
  fd_ = fd;
  return *this;
}

int Descriptor::release() noexcept { return std::exchange(fd_, -1); }

void Descriptor::close() noexcept {
  const int fd = release();
  if (fd < 0) return;
  const core::Closing closing(fd);
  ::close(fd);
}

std::size_t Descriptor::read(std::span<char> into, Deadline deadline) {
  // fd_ anew after each wait: its number may be another file's by then.
  const auto got =
      net::when_ready(fd_, Direction::read, "read", deadline, [=, this] { return try_to_read(fd_, into); });
  return static_cast<std::size_t>(got);
}

std::string Descriptor::read(std::size_t most, Deadline deadline) {
  std::string data(most, '\0');
  data.resize(read(std::span(data), deadline));
  return data;
}

std::string Descriptor::read_all(Deadline deadline) {
  constexpr std::size_t least_room = 4096;
  std::string data;
  std::size_t used = 0;
  for (std::size_t got = 1; got != 0; used += got) {
    if (data.size() - used < least_room) data.resize(std::max(2 * data.size(), least_room));
    got = read(std::span(data).subspan(used), deadline);
  }
  data.resize(used);
  return data;
}

std::size_t Descriptor::write(std::string_view data, Deadline deadline) {
  if (data.empty()) return 0;
  const auto put =
      net::when_ready(fd_, Direction::write, "write", deadline, [=, this] { return try_to_write(fd_, data); });
  return static_cast<std::size_t>(put);
}

void Descriptor::write_all(std::string_view data, Deadline deadline) {
  while (!data.empty()) data.remove_prefix(write(data, deadline));
}

}  // namespace evergreen
