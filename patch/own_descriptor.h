// A descriptor that one call of the program makes for its own wait.
#pragma once

#include "patch/fd_traits.h"
#include "patch/own_descriptors.h"
#include "patch/uncancelled.h"

namespace evergreen::patch {

// Out of the program's way, and closed at the scope's end.
class OwnDescriptor {
 public:
  // Takes `fd`, which may be -1. Where no number is free out of the way it does without: is_open() is false.
  explicit OwnDescriptor(int fd) noexcept : fd_(move_out_of_the_way_or_close(fd)) {}
  ~OwnDescriptor() {
    if (fd_ < 0) return;
    unguard_descriptor(fd_);
    note_gone_around(fd_, [this] { return close_uncancelled(fd_); });
  }
  OwnDescriptor(const OwnDescriptor&) = delete;
  OwnDescriptor& operator=(const OwnDescriptor&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  const int fd_;
};

}  // namespace evergreen::patch
