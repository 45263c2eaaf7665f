#include <sys/syscall.h>

#include <cstdarg>

#include "patch/futex.h"
#include "patch/shim.h"

using namespace evergreen;
using namespace evergreen::patch;

// What libc's own does: six arguments are fetched, whatever was given. A real va_list, not six named parameters: the
// seventh word is on the caller's stack, and a tail call would write it back there, where it may be a variable that
// another thread has changed meanwhile.
SHIM long syscall(long number, ...) noexcept {
  std::va_list rest;
  va_start(rest, number);
  const long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long),
             e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  if (started() && number == SYS_futex) return futex(a, b, c, d, e, f);
  return real.syscall(number, a, b, c, d, e, f);
}
