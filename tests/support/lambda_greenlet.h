// A RawGreenlet that runs a lambda, for tests of greenlet/ without a hub.
#pragma once

#include <functional>

#include "greenlet/raw_greenlet.h"
#include "greenlet/stack.h"

namespace evergreen::test {

// A stack for the length of a scope.
class StackScope {
 public:
  explicit StackScope(std::size_t size = 128 << 10);
  ~StackScope();
  StackScope(const StackScope&) = delete;
  StackScope& operator=(const StackScope&) = delete;

  Stack* operator->() const noexcept { return &stack_; }
  Stack& operator*() const noexcept { return stack_; }

 private:
  Stack& stack_;
};

// The test itself: its kernel thread's own stack.
struct ThreadGreenlet : RawGreenlet {
  ThreadGreenlet() { share_block(); }
};

// Runs `body`, and goes on with its result when that has returned. On `block`, which is run_thread_destructors()'s
// business if it is not the creator's own. Must be dead when its scope ends.
class LambdaGreenlet : public RawGreenlet {
 public:
  using Body = std::function<RawGreenlet&()>;

  LambdaGreenlet(Stack& stack, std::uintptr_t block, Body body);

  int deaths = 0;                  // calls of when_dead_
  const Stack* died_on = nullptr;  // the stack of that call; nullptr: none of ours

 private:
  static RawGreenlet& entry(RawGreenlet& raw);
  static void when_dead(RawGreenlet& raw) noexcept;

  Body body_;
  const bool own_block_;
};

// Runs `body` on the stack with its TLS block, from the first to the last thing that a thread does there.
void run_on(Stack& stack, const std::function<void()>& body);

}  // namespace evergreen::test
