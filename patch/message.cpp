#include "patch/message.h"

#include <limits.h>

#include <algorithm>
#include <cstring>

#include "patch/fd_traits.h"
#include "patch/user_memory.h"

namespace evergreen::patch {

bool is_sound(const msghdr* message) noexcept {
  if (!is_readable(message, sizeof *message) || message->msg_iovlen > IOV_MAX) return false;
  constexpr std::size_t part = 256;  // entries: a page
  for (std::size_t i = 0; i < message->msg_iovlen; i += part) {
    if (!is_readable(message->msg_iov + i, std::min(part, message->msg_iovlen - i) * sizeof(iovec))) return false;
  }
  return true;
}

bool has_descriptors(const msghdr& message) noexcept {
  auto* const first = static_cast<const char*>(message.msg_control);
  for (std::size_t at = 0; at + sizeof(cmsghdr) <= message.msg_controllen;) {
    cmsghdr header;
    std::memcpy(&header, first + at, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > message.msg_controllen - at) return false;
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS) return true;
    at += CMSG_ALIGN(header.cmsg_len);
  }
  return false;
}

void note_sent(const msghdr& message) noexcept {
  if (has_descriptors(message)) note_shared();
}

}  // namespace evergreen::patch
