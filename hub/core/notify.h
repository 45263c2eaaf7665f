// Telling a greenlet that something waits for it: a signal, or its cancellation. It takes notice in its own code, on
// its own stack: at the end of the outermost Runtime (runtime.h), or when its kernel thread is kicked.
//
// The protocol. Whoever has something for a greenlet
//   1. puts it where the greenlet finds it;
//   2. sets the greenlet's flag, has_notice;
//   3. ends its park, if that hears (park.h); or kicks its kernel thread by a signal, if it may be running.
// The greenlet
//   a. clears the flag, and then takes what is there (take_notice);
//   b. looks at the flag after it has said that it hears, before it parks; and after it has left hub code.
// A kick that comes while it is in hub code is ignored: b follows. Both sides write first and read then, so at least
// one sees the other. A kick may hit whoever runs on that kernel thread meanwhile, who finds nothing.
#pragma once

#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

// Steps 2 and 3; kick(thread) sends the signal to a kernel thread. Only in a Runtime. Precondition: `target` does not
// end meanwhile.
void notify(HubGreenlet& target, void (*kick)(pid_t thread, int signal), int signal) noexcept;

// Called as step a, in the greenlet's own code. nullptr: nobody is ever notified.
using OnNotice = void (*)();
extern constinit OnNotice on_notice;

}  // namespace evergreen::core
