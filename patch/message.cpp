#include "patch/message.h"

#include <limits.h>

#include <algorithm>
#include <cstring>

#include "patch/fd_traits.h"
#include "patch/user_memory.h"

namespace evergreen::patch {
namespace {

// Calls use(descriptors, count) for each group of descriptors; returns whether there are any.
template <class Use>
bool for_descriptors(const msghdr& message, Use use) noexcept {
  bool found = false;
  auto* const first = static_cast<char*>(message.msg_control);
  for (std::size_t at = 0; at + sizeof(cmsghdr) <= message.msg_controllen;) {
    cmsghdr header;
    std::memcpy(&header, first + at, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > message.msg_controllen - at) break;
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS) {
      found = true;
      use(first + at + CMSG_LEN(0), (header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
    }
    at += CMSG_ALIGN(header.cmsg_len);
  }
  return found;
}

constexpr auto ignore = [](const char*, std::size_t) {};

}  // namespace

bool is_sound(const msghdr* message) noexcept {
  if (!is_readable(message, sizeof *message) || message->msg_iovlen > IOV_MAX) return false;
  constexpr std::size_t part = 256;  // entries: a page
  for (std::size_t i = 0; i < message->msg_iovlen; i += part) {
    if (!is_readable(message->msg_iov + i, std::min(part, message->msg_iovlen - i) * sizeof(iovec))) return false;
  }
  return true;
}

bool brings_descriptors(const msghdr& message) noexcept {
  return message.msg_controllen != 0 && for_descriptors(message, ignore);
}

void note_received(const msghdr& message) noexcept {
  if (message.msg_controllen == 0) return;
  for_descriptors(message, [](const char* numbers, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, numbers + i * sizeof fd, sizeof fd);
      forget_traits(fd);
    }
  });
}

void note_sent(const msghdr& message) noexcept {
  if (message.msg_controllen != 0 && for_descriptors(message, ignore)) note_shared();
}

}  // namespace evergreen::patch
