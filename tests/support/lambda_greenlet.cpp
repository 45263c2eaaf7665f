#include "tests/support/lambda_greenlet.h"

#include <new>
#include <utility>

#include "greenlet/arch_x86_64.h"
#include "greenlet/tls_block.h"
#include "tests/support/process.h"

namespace evergreen::test {
namespace {

Stack& take_stack(std::size_t size) {
  require_glibc();
  StackPool* pool = StackPool::of_size(size);
  Stack* stack = pool == nullptr ? nullptr : pool->take();
  if (stack == nullptr) throw std::bad_alloc();
  return *stack;
}

}  // namespace

StackScope::StackScope(std::size_t size) : stack_(take_stack(size)) {}

StackScope::~StackScope() { StackPool::give(stack_); }

LambdaGreenlet::LambdaGreenlet(Stack& stack, std::uintptr_t block, Body body)
    : RawGreenlet(stack.low(), static_cast<std::size_t>(stack.high() - stack.low()), block, entry,
                  block == arch::thread_pointer()),
      body_(std::move(body)),
      own_block_(block != arch::thread_pointer()) {
  when_dead_ = when_dead;
}

RawGreenlet& LambdaGreenlet::entry(RawGreenlet& raw) {
  auto& self = static_cast<LambdaGreenlet&>(raw);
  if (self.own_block_) enter_tls_block();
  return self.body_();
}

void LambdaGreenlet::when_dead(RawGreenlet& raw) noexcept {
  auto& self = static_cast<LambdaGreenlet&>(raw);
  ++self.deaths;
  self.died_on = StackPool::containing(__builtin_frame_address(0));
}

void run_on(Stack& stack, const std::function<void()>& body) {
  ThreadGreenlet caller;
  LambdaGreenlet greenlet(stack, stack.tls_block(), [&]() -> RawGreenlet& {
    body();
    run_thread_destructors();
    return caller;
  });
  RawGreenlet::switch_to(caller, greenlet);
}

}  // namespace evergreen::test
