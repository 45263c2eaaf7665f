// The hub of library mode: where the greenlets of C++ programs live.
#pragma once

#include "hub/core/hub.h"

namespace evergreen::core {

// All of them live on one hub, the process's first, which the main thread drives: so none runs while another does, and
// what two of them share needs no lock unless they wait in between. It is started by the first use of the library on
// the main thread. In a forked child it starts afresh, with the calling greenlet alone.
//
// Throws std::logic_error where it does not run yet and this is not the main thread; std::runtime_error on a glibc that
// does not hold what evergreen needs; std::system_error.
Hub& library_hub();

// For the patch, whose threads may be on the first hub already: what starts or restarts that. Throws as Hub::start().
using StartHub = Hub& (*)();
extern constinit StartHub start_first_hub;

}  // namespace evergreen::core
