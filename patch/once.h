#pragma once

namespace evergreen::patch {

// Learns from glibc what it writes into a pthread_once_t while the routine runs, which changes with each fork. Call at
// start, and in a forked child: routines that other threads of the parent were running will never end.
void learn_fork_generation() noexcept;

}  // namespace evergreen::patch
