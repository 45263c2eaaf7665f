// What the messages of recvmsg and sendmsg, and of their forms for several, may carry.
#pragma once

#include <sys/socket.h>

namespace evergreen::patch {

// Whether the header and its list can be read: else the kernel refuses it, before it would wait.
bool is_sound(const msghdr* message) noexcept;

// Whether descriptors come or go with it.
bool has_descriptors(const msghdr& message) noexcept;

// A message has been sent: the descriptors that went with it belong to two processes now.
void note_sent(const msghdr& message) noexcept;

}  // namespace evergreen::patch
