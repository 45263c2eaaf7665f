// The other thread of a child, which ends calls that wait; and locks, some of which it holds.
#pragma once

#include <pthread.h>

#include "tests/fuzz/choice.h"

namespace fuzz {

pthread_t other_thread();
void set_other_thread(pthread_t thread);

void make_locks();  // once in each child
void hold_locks();  // by the other thread

Choice any_mutex(Random& random);
Choice any_checked_mutex(Random& random);
Choice any_rwlock(Random& random);
Choice any_semaphore(Random& random);
pthread_mutex_t* own_mutex();  // locked by the caller
pthread_cond_t* condition();
pthread_barrier_t* barrier_of_one();

}  // namespace fuzz
