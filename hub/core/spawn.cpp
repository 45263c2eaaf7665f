#include "hub/core/spawn.h"

#include <new>

#include "greenlet/static_tls.h"

namespace evergreen::core {

namespace {

Stack& take_stack(std::size_t size) {
  StackPool* pool = StackPool::of_size(size);
  Stack* stack = pool == nullptr ? nullptr : pool->take();
  if (stack == nullptr) throw std::bad_alloc();
  return *stack;
}

}  // namespace

// In a Runtime, as no handler may interrupt whoever holds the locks of pools and lists.
Place take_place(std::size_t size) {
  const Runtime runtime;
  Stack& stack = take_stack(size);
  const std::uintptr_t block = stack.take_tls_block();
  if (block == 0) {
    StackPool::give(stack);
    throw std::bad_alloc();
  }
  add_live_block(stack);
  return {&stack, block, stack.low(), 0, false};
}

Place take_shared_place(std::size_t size, std::uintptr_t block) {
  const Runtime runtime;
  Stack& stack = take_stack(size);
  return {&stack, block, stack.low(), 0, true};
}

void give_place(Stack& stack) noexcept {
  const Runtime runtime;
  if (stack.is_linked()) remove_live_block(stack);  // it had a block of its own
  StackPool::give(stack);
}

}  // namespace evergreen::core
