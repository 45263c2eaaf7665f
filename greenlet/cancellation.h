// What glibc knows of a thread's cancellation: one word of its descriptor, pthread's `cancelhandling`. Its own
// pthread_cancel would send a signal to a thread id that no kernel thread has, and leave the rest to its handler; so a
// greenlet is marked here. All else is glibc's: pthread_testcancel, pthread_setcancelstate, its cancellation points.
#pragma once

#include <cstdint>

namespace evergreen {

// All functions: after check_glibc() has filled the layout; before that nothing is ever pending. Async-signal-safe.

// Marks the thread with that block as cancelled, unless it ends already. Returns whether it is to be interrupted where
// it runs: its type is asynchronous, which glibc makes it for the time of a system call that blocks.
enum class Marked : unsigned char { ends_already, deferred, asynchronous };
Marked mark_cancelled(std::uintptr_t block) noexcept;

// Whether the running thread has been cancelled, and will end at the next cancellation point; and whether it need not
// wait for one.
[[nodiscard]] bool has_cancel_pending() noexcept;
[[nodiscard]] bool is_cancelled_at_once() noexcept;

// What pthread_setcancelstate and pthread_setcanceltype have set for the running thread: for greenlets that share its
// block, to be kept and set again.
[[nodiscard]] int cancel_settings() noexcept;
void set_cancel_settings(int settings) noexcept;
constexpr int no_cancellation = 1;

// The running thread, which has cancelled itself, has not.
void unmark_cancelled() noexcept;

// The running thread has come to its end, and is not cancelled any more.
void mark_ending() noexcept;

}  // namespace evergreen
