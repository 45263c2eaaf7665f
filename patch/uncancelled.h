// Calls that are cancellation points elsewhere and are none here: where being unwound would leave half of something
// behind, or end the program, as in a destructor.
#pragma once

#include <pthread.h>
#include <sys/syscall.h>

#include "patch/shim.h"

namespace evergreen::patch {

inline long to_word(long value) noexcept { return value; }
inline long to_word(const void* address) noexcept { return reinterpret_cast<long>(address); }

// Scope of such calls.
class Uncancelled {
 public:
  explicit Uncancelled(bool wanted = true) noexcept : wanted_(wanted) {
    if (wanted_) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
  }
  ~Uncancelled() {
    if (wanted_) pthread_setcancelstate(before_, nullptr);
  }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  const bool wanted_;
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// What hub code calls on a greenlet's stack, and what a signal handler calls that has interrupted it: nothing there may
// be unwound. `number` is the system call of libc's function.
template <class Call, class... Arguments>
auto native(Call call, long number, Arguments... arguments) {
  if (!core::in_runtime) return call(arguments...);
  return static_cast<decltype(call(arguments...))>(real.syscall(number, to_word(arguments)...));
}

inline int close_uncancelled(int fd) noexcept { return static_cast<int>(real.syscall(SYS_close, long{fd})); }

}  // namespace evergreen::patch
