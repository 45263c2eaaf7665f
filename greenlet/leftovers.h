// What libc frees when a kernel thread ends, in a function that nobody else can call (__libc_thread_freeres). Our
// blocks keep libc's TLS for the next greenlet; what it must not find there, or must not keep for ever, goes here.
#pragma once

namespace evergreen {

// Finds out where in its TLS libc keeps the malloc cache and the list of thread_local destructors, from what they do.
// Once at start, after check_glibc(), with no other thread there. What is not found stays for the next greenlet.
void learn_leftovers() noexcept;

// On the block of a thread that ends, after its destructors: frees dlerror's text and a large malloc cache, and forgets
// thread_local destructors that were registered too late to run.
void drop_leftovers() noexcept;

}  // namespace evergreen
