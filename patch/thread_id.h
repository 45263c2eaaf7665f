// The ids that gettid() gives: a process's main thread has its pid; other greenlets have one that no kernel thread has,
// because the kernel thread that drives them changes. Where such an id is named to the kernel it must be translated.
#pragma once

#include <sys/types.h>

namespace evergreen::patch {

// Whether `id` is that of a live greenlet that the kernel does not know. With 0 (the caller): whether the caller is
// such a greenlet. Not from a signal handler, but for its own id.
bool is_of_greenlet(pid_t id) noexcept;

// What to ask the kernel instead: the thread that drives the caller, if `id` is a greenlet's.
pid_t id_to_ask_about(pid_t id) noexcept;

}  // namespace evergreen::patch
