// Static TLS of modules that are loaded while greenlets live.
#pragma once

#include "greenlet/stack.h"

namespace evergreen {

// A block that a greenlet runs on, from take_tls_block() until the greenlet is dead. From any kernel thread.
void add_live_block(Stack& stack) noexcept;
void remove_live_block(Stack& stack) noexcept;

// In a forked child: all but `own`, which may be nullptr, have stayed in the parent. Async-signal-safe.
[[gnu::noplt]] void forget_live_blocks(Stack* own) noexcept;

// The one with the thread id `id`, or nullptr. Looks at all. From any kernel thread, not from a signal handler.
Stack* find_live_block(int id) noexcept;

// Shows the owners of the stacks of all of them (stack.h) to visit() until that returns true; none dies meanwhile.
// Returns whether it did. From any kernel thread, not from a signal handler.
bool visit_live_blocks(bool (*visit)(const void* owner, const void* argument), const void* argument);

// Around fork, so that the child finds the list of blocks in a state that it can use.
void lock_static_tls() noexcept;
void unlock_static_tls() noexcept;

// To be called after each dlopen and dlclose, and once before the first greenlet: gives each live block the initial
// values of modules that came, and clears the place of those that went. Any kernel thread.
void update_static_tls();

}  // namespace evergreen
