#pragma once

#include <pthread.h>

namespace evergreen::patch {

// pthread_mutex_lock: glibc's trylock, which knows every type and owner, and a park while it says EBUSY.
int lock_mutex(pthread_mutex_t* mutex, const char* why);

// glibc's unlock, and a wake if anybody is parked.
int unlock_mutex(pthread_mutex_t* mutex);

// Whether libc's own call waits for this mutex, in the kernel, and no greenlet is ever parked for it: other processes
// may unlock it, or die while they hold it.
bool waits_in_kernel(const pthread_mutex_t& mutex) noexcept;

}  // namespace evergreen::patch
