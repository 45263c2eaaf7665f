// What a test asks about its process, and children that may crash in its place.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace evergreen::test {

// The start-up check, once in the process: nothing of greenlet/ works before it. Throws where it fails.
void require_glibc();

std::size_t open_descriptors();  // of /proc/self/fd, but for what the hub's monitor looks into now and then
std::size_t mappings();          // of /proc/self/maps

struct ChildEnd {
  bool exited;         // else killed by a signal
  int code;            // exit status or signal number
  std::string errors;  // what it wrote to stderr
};

// Runs `body` in a forked child, which then exits with the result. Killed by SIGALRM after half a minute.
ChildEnd in_child(const std::function<int()>& body);

// As whoever closes must do it: the hub, if there is one, is told before.
void close_forgotten(int fd);

// A pipe or a pair of connected sockets, non-blocking, closed at the end of its scope.
class DescriptorPair {
 public:
  static DescriptorPair pipe();
  static DescriptorPair sockets();
  DescriptorPair(DescriptorPair&& other) noexcept;
  DescriptorPair& operator=(DescriptorPair&&) = delete;
  ~DescriptorPair();

  int reader, writer;  // the two sockets are alike

 private:
  DescriptorPair(int reader, int writer) noexcept : reader(reader), writer(writer) {}
};

}  // namespace evergreen::test
