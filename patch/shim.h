// What every shim needs. A shim is an ordinary function with libc's own prototype: the header's declaration checks it.
#pragma once

#include <cerrno>

#include "patch/real.h"
#include "patch/start.h"

#define SHIM extern "C" [[gnu::visibility("default")]]

namespace evergreen::patch {

// A call that succeeds must leave errno as it was, whatever we tried in between.
class KeepErrno {
 public:
  template <class Result>
  Result operator()(Result result) const noexcept {
    if (result >= 0) errno = saved_;
    return result;
  }

 private:
  const int saved_ = errno;
};

template <class Result = int>
Result fail(int error) noexcept {
  errno = error;
  return -1;
}

}  // namespace evergreen::patch
