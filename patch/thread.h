// Greenlets that stand for pthreads.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>

#include "hub/core/hubs.h"
#include "hub/core/park.h"
#include "hub/core/spawn.h"
#include "patch/pending_signals.h"

namespace evergreen::patch {

// What a greenlet has been given of what the kernel keeps for its own threads; see scheduling.cpp. New threads inherit
// it from who makes them.
struct Scheduling {
  bool has_policy = false, has_nice = false, has_cpus = false;  // else the kernel thread's
  int policy = 0, priority = 0, nice = 0;
  cpu_set_t cpus{};

  [[nodiscard]] bool is_set() const noexcept { return has_policy || has_nice || has_cpus; }
};

// What pthread_create is asked for.
struct Birth {
  void* (*routine)(void*) = nullptr;
  void* argument = nullptr;
  bool detached = false, explicit_scheduling = false;
  std::byte* low = nullptr;  // what pthread_getattr_np tells: the stack without its guard
  std::size_t size = 0, guard = 0;
  Scheduling scheduling;
};

// A pthread_t is its TLS block's address, as glibc has it; the object lies beside that block, at the top of the stack.
class Thread : public core::HubGreenlet {
 public:
  Thread() noexcept { of_block_ = this; }  // the running one: the main thread
  Thread(core::Hub& hub, const core::Place& place, const Birth& birth);

  // Whose TLS block it is that the running greenlet has. That may be one of the library's, which are all on the block
  // of the main thread, and a part of that: its identity, its signals and its name are theirs. Only their masks of
  // signals are their own, and their waits. And the one that the process began with, or that forked it.
  static Thread& running() noexcept { return *of_block_; }
  static Thread& first() noexcept { return *core::in_block(core::Hubs::main_greenlet().block(), of_block_); }

  // The greenlet with that handle, or nullptr: ended and joined, a kernel thread, or no thread at all.
  static Thread* find(pthread_t handle) noexcept;

  // For a handle that find() does not know: it was a greenlet's, which libc must not be asked about.
  static bool was_ours(pthread_t handle) noexcept;

  // pthread_detach, pthread_join: 0 or what they return. join parks, and is a cancellation point; it buries the
  // greenlet if it succeeds.
  int detach() noexcept;
  int join(void** result, const char* why, Deadline deadline);
  int try_join(void** result) noexcept;

  // Not for the main thread.
  [[nodiscard]] const Birth& birth() const noexcept { return birth_; }
  [[nodiscard]] bool is_pthread_detached() const noexcept;

  // Its routine is over, and so are all destructors.
  [[nodiscard]] bool has_ended() const noexcept;

  Scheduling& scheduling() noexcept { return birth_.scheduling; }

  // pthread_setname_np, PR_SET_NAME.
  std::array<char, 16> name{};

  // What the routine returned, or pthread_exit was given; what is still there at the end was cancelled.
  void* result = PTHREAD_CANCELED;

  // For this thread alone.
  PendingSignals signals;
  stack_t handler_stack{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};  // signal_stack.h

  // Marks the end: wakes who joins. Returns whether nobody ever will, and the object is to be buried.
  bool finish() noexcept;

  // In a forked child, where this is the only thread: who joined it has stayed in the parent; and if one of the
  // library's greenlets has forked, so has the greenlet that this was.
  void go_on_alone(const core::HubGreenlet& forked) noexcept;

 private:
  static RawGreenlet& entry(RawGreenlet& self);
  static void on_dead(RawGreenlet& self) noexcept;
  void run() noexcept;
  void hand_over(void** result) noexcept;
  int await_end(core::HubGreenlet& self, const char* why, Deadline deadline) noexcept;
  [[nodiscard]] int refusal_to_join(core::HubGreenlet& by) const noexcept;

  static constinit thread_local Thread* of_block_;

  Birth birth_;

  // joinable, detached, ending, finished, or the HubGreenlet that joins: while it runs (a signal's handler) with a
  // mark. One atomic change for each step of a life:
  //   joinable -> joiner | busy   by join(); back, when it is cancelled
  //   joiner | busy <-> joiner    when it parks, and after a signal
  //   joiner -> joinable      when its deadline passes
  //   joinable -> detached    by detach()
  //   joinable, detached, joiner | busy -> finished    by finish(), once it is off its stack; a detached one is buried
  //   joiner -> ending -> finished      likewise; the joiner is woken in between. It goes on when all is over: until
  //                                     then finish() needs them both. Its wake-up does not tell it that, since one
  //                                     whose deadline has just passed gets none.
  // A finished one is buried by join() or detach().
  std::atomic<std::uintptr_t> fate_;
};

// The main thread's object, made with the hub.
Thread& main_thread() noexcept;

// By the main thread, once: glibc destroys the keys only of threads that have ever set one.
void let_main_end() noexcept;

// When the main thread ends by pthread_exit or cancellation, from now on, it waits for the others. Any thread.
void prepare_end_of_main() noexcept;

// In a forked child: pthread_exit of the parent's main thread is no concern of ours.
void forget_main_exit() noexcept;

// Sizes of stacks where the program asks for none. Call once, at start.
void read_default_attributes() noexcept;

// 0, or the error with which pthread_create refuses what its attributes ask for; else notes it.
int read_scheduling(const pthread_attr_t& attributes, Birth& birth) noexcept;

}  // namespace evergreen::patch
