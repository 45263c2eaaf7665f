// Cancellation of greenlets. The cancelled one acts on it in its own code: at a cancellation point, which for those
// that park is where the park ends as signalled (interruption.h); or, where its type is asynchronous, at once: its
// kernel thread is kicked by libc's own signal for that.
#pragma once

namespace evergreen::patch {

// Once, when the hub starts, with one thread: libc's signal becomes ours.
void start_cancellation() noexcept;

// Acts on an asynchronous cancellation, as the program's own code would at any instruction. Not where a frame that must
// not be unwound is below: a scope of a Runtime, a function that is noexcept.
void cancel_if_asynchronous();

}  // namespace evergreen::patch
