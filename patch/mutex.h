#pragma once

#include <pthread.h>

#include "hub/deadline.h"

namespace evergreen::patch {

// pthread_mutex_lock and _timedlock: glibc's trylock, which knows every type and owner, and a park while it says EBUSY.
int lock_mutex(pthread_mutex_t* mutex, const char* why, Deadline deadline) noexcept;

// glibc's unlock, and a wake if anybody is parked.
int unlock_mutex(pthread_mutex_t* mutex) noexcept;

}  // namespace evergreen::patch
