// What ends a greenlet from outside, or a scope in it: kill(), or a Timeout that has passed.
//
// HubGreenlet::has_end or ::limit say that an exception waits for it. A park that hears everything then ends as
// `ended`, at once if need be, and goes on doing so until the exception is thrown: by the C++ wait that parked, or, if
// it was a shim that parked for a C library, by the next C++ wait. The shim's call fails meanwhile: through frames of C
// nothing is thrown.
#pragma once

#include <cerrno>
#include <exception>

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

// Whether an exception waits for the running greenlet, and may be thrown: not on top of one that unwinds its stack.
[[nodiscard]] inline bool must_end(const HubGreenlet& self) noexcept {
  if (std::uncaught_exceptions() != 0) return false;
  return self.has_end.load() || (!self.limit.is_never() && self.limit.has_passed());
}

// How the call of a C library fails. At first as interrupted; from then on, because such calls are made again, with an
// error that no library takes for a reason to.
inline int error_of_end(HubGreenlet& self) noexcept {
  if (self.told_end) return ETIMEDOUT;
  self.told_end = true;
  return EINTR;
}

// Throws what waits for the running greenlet: what kill() gave, or the Timeout that passed first. Precondition:
// must_end().
[[noreturn]] void throw_end(HubGreenlet& self);

}  // namespace evergreen::core
