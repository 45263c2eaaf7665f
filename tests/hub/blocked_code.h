#pragma once

#include <atomic>

namespace evergreen::test {

struct Work {
  enum Kind { computes, computes_inlined, reads, polls, reads_at_end } kind;
  int fd = -1;
  const std::atomic<bool>* stop = nullptr;
  std::atomic<bool>* begun = nullptr;
};

// Do the work in a function of that name (compute, read_byte, poll_for_byte), called by middle(). Return the byte that
// was read, or a negative number on failure.
inline int line_of_inlined_call = 0;  // in middle()

long outer_o2(const Work& work);
long outer_o0(const Work& work);

}  // namespace evergreen::test
