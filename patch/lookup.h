// Functions of libc that look something up, in files or by asking a server with calls that pass no shim.
#pragma once

#include "patch/offload.h"

namespace evergreen::patch {

// libc's own function. Whether it is quick depends on the machine and the program, so each learns from its last calls.
template <auto function, class... Arguments>
auto looked_up(Arguments... arguments) {
  static constinit core::CallSite site(core::CallSite::slow);
  return offloaded(site, [=] { return (real.*function)(arguments...); });
}

}  // namespace evergreen::patch
