#include "tests/fuzz/threads.h"

#include <limits.h>
#include <semaphore.h>

#include "tests/fuzz/kernel.h"

namespace fuzz {
namespace {

pthread_t other;
pthread_mutex_t free_mutex, held_mutex, checked_mutex, held_checked_mutex, recursive_mutex, held_recursive_mutex, own;
pthread_rwlock_t free_rwlock, read_rwlock, written_rwlock;
sem_t none, one, most;
pthread_cond_t nobodys;
pthread_barrier_t single;

void make_mutex(pthread_mutex_t& mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutex_init(&mutex, &attributes);
}

template <std::size_t size>
Choice any_of(Random& random, const Choice (&choices)[size]) {
  return choices[random.below(size)];
}

}  // namespace

pthread_t other_thread() { return other; }
void set_other_thread(pthread_t thread) { other = thread; }

void make_locks() {
  make_mutex(free_mutex, PTHREAD_MUTEX_NORMAL);
  make_mutex(held_mutex, PTHREAD_MUTEX_NORMAL);
  make_mutex(checked_mutex, PTHREAD_MUTEX_ERRORCHECK);
  make_mutex(held_checked_mutex, PTHREAD_MUTEX_ERRORCHECK);
  make_mutex(recursive_mutex, PTHREAD_MUTEX_RECURSIVE);
  make_mutex(held_recursive_mutex, PTHREAD_MUTEX_RECURSIVE);
  make_mutex(own, PTHREAD_MUTEX_RECURSIVE);
  for (pthread_rwlock_t* lock : {&free_rwlock, &read_rwlock, &written_rwlock}) pthread_rwlock_init(lock, nullptr);
  sem_init(&none, 0, 0);
  sem_init(&one, 0, 1);
  sem_init(&most, 0, INT_MAX);
  pthread_cond_init(&nobodys, nullptr);
  pthread_barrier_init(&single, nullptr, 1);
}

void hold_locks() {
  for (pthread_mutex_t* mutex : {&held_mutex, &held_checked_mutex, &held_recursive_mutex}) pthread_mutex_lock(mutex);
  pthread_rwlock_rdlock(&read_rwlock);
  pthread_rwlock_wrlock(&written_rwlock);
}

Choice any_mutex(Random& random) {
  const Choice choices[] = {
      {address(&free_mutex), "free"},           {address(&held_mutex), "held"},
      {address(&checked_mutex), "checked"},     {address(&held_checked_mutex), "held_checked"},
      {address(&recursive_mutex), "recursive"}, {address(&held_recursive_mutex), "held_recursive"}};
  return any_of(random, choices);
}

Choice any_checked_mutex(Random& random) {
  const Choice choices[] = {{address(&checked_mutex), "checked"},
                            {address(&held_checked_mutex), "held_checked"},
                            {address(&recursive_mutex), "recursive"},
                            {address(&held_recursive_mutex), "held_recursive"}};
  return any_of(random, choices);
}

Choice any_rwlock(Random& random) {
  const Choice choices[] = {
      {address(&free_rwlock), "free"}, {address(&read_rwlock), "read"}, {address(&written_rwlock), "written"}};
  return any_of(random, choices);
}

Choice any_semaphore(Random& random) {
  const Choice choices[] = {{address(&none), "0"}, {address(&one), "1"}, {address(&most), "SEM_VALUE_MAX"}};
  return any_of(random, choices);
}

pthread_mutex_t* own_mutex() {
  pthread_mutex_lock(&own);
  return &own;
}

pthread_cond_t* condition() { return &nobodys; }
pthread_barrier_t* barrier_of_one() { return &single; }

}  // namespace fuzz
