// The alternate stack that each greenlet may have for its handlers (SA_ONSTACK).
//
// The kernel's setting belongs to the carrier, whose own serves for reports of stack overflows. To change it at each
// switch would cost every switch a system call; so our handler runs on the stack that it has interrupted, and changes
// to the greenlet's for the program's handler. Faults are the exception: there the kernel changes to the carrier's, as
// the interrupted stack may have no room left.
#pragma once

#include <signal.h>

namespace evergreen::patch {

class Thread;

// What the main thread has set before there was a hub.
void learn_handler_stack(Thread& main) noexcept;

// Calls function(argument); on the thread's alternate stack if `wanted`, and it has one and is not on it already.
void call_handler(Thread& self, bool wanted, void (*function)(void*), void* argument);

}  // namespace evergreen::patch
