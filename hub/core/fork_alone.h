// Around fork, in a program without the patch, which would see to it (patch/fork.cpp).
#pragma once

namespace evergreen::core {

// From now on a forked child has the calling greenlet alone, without a hub: its waits are the kernel's, until the next
// use of the library restarts the hub for it. Of the parent's hub the child has no descriptor. Call once.
void see_to_forks() noexcept;

}  // namespace evergreen::core
