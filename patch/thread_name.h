// Names of threads.
#pragma once

namespace evergreen::patch {

// Notes the process's name as the main greenlet's. Once at start.
void learn_process_name() noexcept;

// In a child that a greenlet forked: the process has the name of that thread.
void give_process_own_name() noexcept;

}  // namespace evergreen::patch
