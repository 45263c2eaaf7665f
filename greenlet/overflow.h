#pragma once

namespace evergreen {

// A SIGSEGV in a stack's guard page is reported as what it is: which greenlet, its stack's size, how to raise it; then
// the default action follows. Any other SIGSEGV is left alone. Does nothing if the program has a handler of its own.
//
// `describe` names a greenlet (Stack::owner) and must be async-signal-safe. Call on each kernel thread that runs
// greenlets: the alternate signal stack belongs to the thread.
void report_stack_overflows(void (*describe)(const void* owner, char* text, unsigned long size) noexcept);

}  // namespace evergreen
