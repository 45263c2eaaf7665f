// Waiting for descriptors, from a greenlet.
#pragma once

#include <cstdint>
#include <span>

#include "hub/core/descriptors.h"
#include "hub/core/park.h"

namespace evergreen::core {

struct FdInterest {
  int fd;
  bool read, write;
  std::uint32_t special = 0;  // further events of epoll_ctl(2), among them EPOLLERR and EPOLLHUP where they are wanted
};

// Park the running greenlet until `fd` may be ready (woken), the deadline has passed (timed_out), fd was closed
// (interrupted), a signal came (signalled: its handlers have run) or the greenlet ends (ended). "May": somebody else
// may take the data first; try, and wait again. `why` is a literal that names the call. Precondition: can_park(). Where
// memory is short they sleep for a millisecond and say woken.
Wake wait_fd(int fd, Direction direction, const char* why, Deadline deadline);

// The same for several at once.
Wake wait_any_fd(std::span<const FdInterest> interests, const char* why, Deadline deadline);

// Parks until the deadline (timed_out), a signal (signalled) or the greenlet's end (ended). Any greenlet or kernel
// thread, also where locks may park.
Wake sleep_until(Deadline deadline, const char* why, Hears hears = Hears::everything);

}  // namespace evergreen::core
