#pragma once

namespace evergreen {

// A SIGSEGV in a stack's guard page is reported as what it is: which greenlet, its stack's size, how to raise it; then
// the default action follows. Any other SIGSEGV is left alone. Does nothing if the program has a handler of its own.
//
// `describe` names a greenlet (Stack::owner) and must be async-signal-safe.
void report_stack_overflows(void (*describe)(const void* owner, char* text, unsigned long size) noexcept);

// The alternate signal stack belongs to the kernel thread: each that runs greenlets needs one for as long as it lives.
// Where the thread has one already it is kept.
class AlternateStack {
 public:
  AlternateStack() noexcept;
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace evergreen
