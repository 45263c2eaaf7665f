// Greenlets that stand for pthreads.
#pragma once

#include <pthread.h>

#include <atomic>

#include "hub/core/park.h"
#include "hub/core/spawn.h"
#include "patch/pending_signals.h"

namespace evergreen::patch {

// A pthread_t is its TLS block's address, as glibc has it; the object lies beside that block, at the top of the stack.
class Thread : public core::HubGreenlet {
 public:
  using Routine = void* (*)(void*);

  Thread() noexcept = default;  // the main thread
  Thread(core::Hub& hub, const core::Place& place, Routine routine, void* argument, bool detached);

  // The greenlet with that handle, or nullptr: ended and joined, a kernel thread, or no thread at all.
  static Thread* find(pthread_t handle) noexcept;

  // For a handle that find() does not know: it was a greenlet's, which libc must not be asked about.
  static bool was_ours(pthread_t handle) noexcept;

  // pthread_detach, pthread_join: 0 or what they return. join parks; it buries the greenlet if it succeeds.
  int detach() noexcept;
  int join(void** result, const char* why, Deadline deadline) noexcept;
  int try_join(void** result) noexcept;

  // Not for the main thread: the memory that it runs on, and whether nobody will join it.
  [[nodiscard]] std::byte* stack_low() const noexcept { return stack_low_; }
  [[nodiscard]] std::size_t stack_size() const noexcept { return stack_size_; }
  [[nodiscard]] bool is_pthread_detached() const noexcept;

  // What the routine returned, or pthread_exit was given.
  void* result = nullptr;

  // For this thread alone.
  PendingSignals signals;

  // Marks the end: wakes who joins. Returns whether nobody ever will, and the object is to be buried.
  bool finish() noexcept;

  // In a forked child, where this is the only thread: who joined it has stayed in the parent.
  void forget_joiner() noexcept;

 private:
  static RawGreenlet& entry(RawGreenlet& self);
  static void on_dead(RawGreenlet& self) noexcept;
  void run() noexcept;
  void hand_over(void** result) noexcept;

  Routine routine_ = nullptr;
  void* argument_ = nullptr;
  std::byte* stack_low_ = nullptr;
  std::size_t stack_size_ = 0;

  // joinable, detached, ending, finished, or the HubGreenlet that joins. One atomic change for each step of a life:
  //   joinable -> joiner      by join(); back, when its deadline passes
  //   joinable -> detached    by detach()
  //   joinable, detached -> finished    by finish(), once it is off its stack; a detached one is buried
  //   joiner -> ending -> finished      likewise; the joiner is woken in between. It goes on when all is over: until
  //                                     then finish() needs them both. Its wake-up does not tell it that, since one
  //                                     whose deadline has just passed gets none.
  // A finished one is buried by join() or detach().
  std::atomic<std::uintptr_t> fate_;
};

// The main thread's object, made with the hub.
Thread& main_thread() noexcept;

// In a forked child: pthread_exit of the parent's main thread is no concern of ours.
void forget_main_exit() noexcept;

// Sizes of stacks where the program asks for none. Call once, at start.
void read_default_attributes() noexcept;

}  // namespace evergreen::patch
