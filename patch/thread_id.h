// The ids that gettid() gives: a process's main thread has its pid; other greenlets have one that no kernel thread has,
// because the kernel thread that drives them changes. Where such an id is named to the kernel it must be translated.
#pragma once

#include <sys/types.h>

namespace evergreen::patch {

class Thread;

// The live greenlet with that id, if the kernel does not know it; else nullptr. 0 is the caller. Not from a signal
// handler, but for its own id.
Thread* greenlet_of(pid_t id) noexcept;

// What to ask the kernel instead: the thread that drives the caller, if `id` is a greenlet's.
pid_t id_to_ask_about(pid_t id) noexcept;

}  // namespace evergreen::patch
