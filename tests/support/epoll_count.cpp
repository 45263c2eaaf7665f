#include "tests/support/epoll_count.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<long> calls{0};

}  // namespace

extern "C" [[gnu::visibility("default")]] int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  ++calls;
  return static_cast<int>(syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

long evergreen::test::epoll_ctl_calls() { return calls; }
