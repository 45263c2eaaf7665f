// What the tests of backtraces find: compiled with -O2 or with -O0 (FLAVOUR), always with debug information.
#include "tests/hub/blocked_code.h"

#include <poll.h>
#include <unistd.h>

namespace evergreen::test {

#define JOINED(a, b) a##b
#define NAMED(name, flavour) JOINED(name, flavour)

namespace {

// Static functions are known too. Work after the calls keeps them from being tail calls.
[[gnu::noinline]] long compute(const std::atomic<bool>& stop, std::atomic<bool>& begun) {
  long count = 0;
  begun = true;
  while (!stop.load(std::memory_order_relaxed)) ++count;
  return count;
}

[[gnu::noinline]] long read_byte(int fd) {
  char byte = 0;
  const ssize_t got = read(fd, &byte, 1);
  return got == 1 ? byte : -1;
}

[[gnu::noinline]] long poll_for_byte(int fd) {
  pollfd state{fd, POLLIN, 0};
  const int ready = poll(&state, 1, 30'000);
  return ready == 1 ? read_byte(fd) : -2;
}

// The call is the last instruction of the function: where it would return to belongs to the next one.
[[noreturn, gnu::noinline]] void read_and_throw(int fd) { throw read_byte(fd); }
[[noreturn, gnu::noinline]] void ends_in_call(int fd) { read_and_throw(fd); }

[[gnu::noinline]] long caught(int fd) {
  try {
    ends_in_call(fd);
  } catch (long byte) {
    return byte;
  }
}

[[gnu::always_inline]] inline long compute_inlined(const Work& work) {
  long count = 0;
  *work.begun = true;
  while (!work.stop->load(std::memory_order_relaxed)) count += 2;
  return count;
}

[[gnu::noinline]] long middle(const Work& work) {
  long result = 1;
  if (work.kind == Work::computes) result += compute(*work.stop, *work.begun);
  line_of_inlined_call = __LINE__ + 1;
  if (work.kind == Work::computes_inlined) result += compute_inlined(work);
  if (work.kind == Work::reads) result += read_byte(work.fd);
  if (work.kind == Work::polls) result += poll_for_byte(work.fd);
  if (work.kind == Work::reads_at_end) result += caught(work.fd);
  return result;
}

}  // namespace

[[gnu::noinline]] long NAMED(outer_, FLAVOUR)(const Work& work) {
  const long result = middle(work);
  return result - 1;
}

}  // namespace evergreen::test
