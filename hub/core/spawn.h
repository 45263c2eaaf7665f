// Where new greenlets come from and where dead ones go.
#pragma once

#include <cstddef>
#include <utility>

#include "greenlet/arch_x86_64.h"
#include "hub/core/hub.h"

namespace evergreen::core {

// A thread-local variable of this library in a block that does not run: they are at one offset in all blocks
// (initial-exec TLS).
template <class T>
T& in_block(std::uintptr_t block, T& mine) noexcept {
  const auto offset = reinterpret_cast<std::uintptr_t>(&mine) - arch::thread_pointer();
  return *reinterpret_cast<T*>(block + offset);
}

// A stack of at least `size` bytes with a TLS block as new. Throws std::bad_alloc.
Place take_place(std::size_t size);

// A stack of at least `size` bytes for a greenlet that shares `block`, and so must stay on its kernel thread: library
// mode, where that is the main greenlet's. Throws std::bad_alloc.
Place take_shared_place(std::size_t size, std::uintptr_t block);

// Precondition: nobody is on it any more.
void give_place(Stack& stack) noexcept;

// Makes a T, a HubGreenlet, at the top of its own stack: T(hub, place, arguments...). It does not run before
// hub.adopt().
template <class T, class... Arguments>
T& make_greenlet(Hub& hub, Place place, Arguments&&... arguments) {
  const bool own_memory = place.size == 0;  // else the program's
  void* memory = place.stack->reserve(sizeof(T), alignof(T));
  if (own_memory) place.size = static_cast<std::size_t>(place.stack->high() - place.low);
  T* greenlet = new (memory) T(hub, place, std::forward<Arguments>(arguments)...);
  place.stack->owner = greenlet;
  return *greenlet;
}

// Ends a T that is dead, and gives its place back.
template <class T>
void bury(T& greenlet) noexcept {
  Stack& stack = *greenlet.stack;  // NOLINT(clang-analyzer-core.NullDereference): a T always has one
  greenlet.~T();
  give_place(stack);
}

}  // namespace evergreen::core
