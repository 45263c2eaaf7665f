// One attempt after another, and a wait in between: what all calls on descriptors are made of.
#pragma once

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "evergreen/deadline.h"
#include "evergreen/io.h"
#include "hub/core/descriptors.h"

namespace evergreen::net {

using core::Direction;

// As wait_readable() and wait_writable(). `why` is a literal that names the call.
bool wait_until_ready(int fd, Direction direction, const char* why, Deadline deadline);

[[noreturn]] inline void throw_error(int error, const char* call) {
  throw std::system_error(error, std::generic_category(), call);
}

// Calls attempt(), which must not block, until it does not fail for want of data or room; returns what it returned.
// Throws std::system_error, IoTimeout, what ends the running greenlet.
template <class Attempt>
auto when_ready(int fd, Direction direction, const char* call, Deadline deadline, Attempt attempt) {
  for (;;) {
    const auto result = attempt();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw_error(errno, call);  // which is EWOULDBLOCK
    if (!wait_until_ready(fd, direction, call, deadline)) throw IoTimeout(call);
  }
}

}  // namespace evergreen::net
