// thread_local objects and __cxa_thread_atexit_impl: when their destructors run, and in which order.
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "tests/posix/holds.h"

extern "C" int __cxa_thread_atexit_impl(void (*destructor)(void*), void* object, void* library);
extern "C" void* __dso_handle;

namespace {

// What happened, a letter each. Written by one thread at a time.
std::string events;

void note(char event) { events.push_back(event); }

struct Noted {
  char name;
  int value = 42;
  explicit Noted(char as) : name(as) {}
  ~Noted() { note(name); }
};

// In functions, where each is made when it is first used.
Noted& first() {
  thread_local Noted object('a');
  return object;
}

Noted& second() {
  thread_local Noted object('b');
  return object;
}

void* use_both(void*) {
  const bool initial = first().value == 42 && second().value == 42;
  first().value = second().value = 7;
  return initial ? &events : nullptr;
}

CASE(order) {
  events.clear();
  const bool initial = join(start(use_both, nullptr)) == &events;
  HOLDS(thread_local, "each thread's objects are made anew", initial);
  HOLDS(thread_local, "destroyed when the thread ends, the last one first", events == "ba");
  events.clear();
  HOLDS(thread_local, "made anew where an earlier thread had some", join(start(use_both, nullptr)) == &events);
  HOLDS(thread_local, "destroyed once for each thread", events == "ba");
  events.clear();
  join(start([](void* argument) { return argument; }, nullptr));
  HOLDS(thread_local, "not made by a thread that uses none", events.empty());
}

void end_of_key(void*) { note('k'); }

pthread_key_t key;

void* use_key_first(void*) {
  pthread_setspecific(key, &key);
  return use_both(nullptr);
}

CASE(order_with_keys) {
  CHECK_EQ(pthread_key_create(&key, end_of_key), 0);
  events.clear();
  join(start(use_key_first, nullptr));
  HOLDS(thread_local, "destroyed before the values of keys", events == "bak");
  pthread_key_delete(key);
}

struct MakesAnother {
  ~MakesAnother() {
    note('m');
    use_both(nullptr);
  }
  int value = 0;
};

void* use_maker(void*) {
  thread_local MakesAnother maker;
  maker.value = 1;
  return nullptr;
}

CASE(made_by_a_destructor) {
  events.clear();
  join(start(use_maker, nullptr));
  HOLDS(thread_local, "one that a destructor makes is destroyed after it", events == "mba");
}

void* leave_by_exit(void*) {
  use_both(nullptr);
  struct Local {
    ~Local() { note('l'); }
  } const local;
  pthread_exit(nullptr);
}

CASE(pthread_exit) {
  events.clear();
  join(start(leave_by_exit, nullptr));
  HOLDS(pthread_exit, "objects on the stack are destroyed, then thread_local ones", events == "lba");
}

void use_late(void*) {
  note('k');
  use_both(nullptr);
}

void* set_late(void*) {
  pthread_setspecific(key, &key);
  return nullptr;
}

// glibc destroys no thread_local that a key's destructor makes; and certainly none in the next thread.
CASE(made_by_the_destructor_of_a_key) {
  CHECK_EQ(pthread_key_create(&key, use_late), 0);
  events.clear();
  join(start(set_late, nullptr));
  const std::string of_first = events;
  events.clear();
  join(start([](void* argument) { return argument; }, nullptr));
  HOLDS(thread_local, "made by a key's destructor it is not destroyed", of_first == "k");
  HOLDS(thread_local, "made by a key's destructor it does not concern the next thread", events.empty());
  pthread_key_delete(key);
}

void note_object(void* object) { note(*static_cast<char*>(object)); }

char objects[] = "xyz";

void* register_three(void*) {
  int failed = 0;
  for (int i = 0; i < 3; ++i) failed |= __cxa_thread_atexit_impl(note_object, &objects[i], &__dso_handle);
  return failed == 0 ? objects : nullptr;
}

CASE(registered) {
  events.clear();
  HOLDS(__cxa_thread_atexit_impl, "returns 0", join(start(register_three, nullptr)) == objects);
  HOLDS(__cxa_thread_atexit_impl, "called with the object, the last one first", events == "zyx");
}

void* sleep_between(void* id) {
  thread_local Noted sleeper('s');
  sleeper.value = static_cast<int>(reinterpret_cast<std::intptr_t>(id));
  usleep(1000);
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(sleeper.value));
}

CASE(many_at_once) {
  constexpr int count = 50;
  pthread_t threads[count];
  events.clear();
  for (std::intptr_t i = 0; i < count; ++i) threads[i] = start(sleep_between, reinterpret_cast<void*>(i + 1));
  bool own = true;
  for (std::intptr_t i = 0; i < count; ++i) own = join(threads[i]) == reinterpret_cast<void*>(i + 1) && own;
  HOLDS(thread_local, "each thread has its own over a wait", own);
}

void* fail_to_load(void* argument) {
  CHECK(dlopen("/nowhere/libnothing.so", RTLD_NOW) == nullptr);
  return argument;
}

void* ask_for_error(void*) { return dlerror(); }

CASE(errors_of_dlopen) {
  join(start(fail_to_load, nullptr));
  HOLDS(dlerror, "an ended thread's error is no other's", join(start(ask_for_error, nullptr)) == nullptr);
  fail_to_load(nullptr);
  HOLDS(dlerror, "a thread's error is not another's", join(start(ask_for_error, nullptr)) == nullptr);
  HOLDS(dlerror, "a thread's error stays until it asks", dlerror() != nullptr);
  HOLDS(dlerror, "NULL when there was none since", dlerror() == nullptr);
}

}  // namespace
