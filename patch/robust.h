#pragma once

#include <pthread.h>

namespace evergreen::patch {

// Gives the running thread's robust mutexes to whoever locks them next, with EOWNERDEAD, as the kernel does when a
// thread of its own ends: it knows no greenlet. Call on the block of the ending thread, after its last destructor.
void release_robust_mutexes();

// Locks a robust, priority-inheriting mutex whose owner has died, and returns true: the lock must return EOWNERDEAD.
// (libc would ask the kernel to, which would give it to the kernel thread.)
bool take_from_dead_owner(pthread_mutex_t& mutex) noexcept;

// Whether it is for ever unusable, because nobody has made it consistent.
bool is_beyond_recovery(const pthread_mutex_t& mutex) noexcept;

}  // namespace evergreen::patch
