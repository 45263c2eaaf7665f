// Scope in which what is a cancellation point elsewhere is none.
#pragma once

#include <pthread.h>

namespace evergreen::patch {

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

}  // namespace evergreen::patch
