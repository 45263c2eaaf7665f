// Signals on greenlets: whose a signal is, and how it gets there.
//
//   - A synchronous fault, SIGPIPE, and what a greenlet has raised itself is the running greenlet's.
//   - A signal of the process goes to the main greenlet; if that blocks it, to the running one; if that does, too, to
//     any other that leaves it open. What all block the kernel keeps (core/signal_masks.h).
//
// Handlers run in the greenlet's own code, asynchronously, on its own stack, from the kernel: with the context, mask
// and flags that the program asked for. A signal for a greenlet that does not run right there waits in its
// PendingSignals; when the greenlet takes notice (core/notify.h) it kicks itself: sends itself that signal, for the
// kernel to call our handler, which finds what is pending and calls the program's. A kick that finds nothing, because
// another greenlet runs there by now, does nothing.
//
// Our handler may have interrupted hub code, or the loop. There it only keeps the signal (DeferredSignals) for whoever
// leaves hub code next.
#pragma once

#include <signal.h>

#include <cstdint>

namespace evergreen::patch {

class Thread;

// Once, when the hub starts, on the thread that starts it.
void start_signals() noexcept;

// On the loop's stack, when it was woken: sees to what came while hub code ran.
void route_deferred_signals() noexcept;

// Of a signal that only makes our handler look what is pending. Of no kernel and no program: si_code, sigaction(2).
constexpr int kick_code = -0x6576;

// Sends one to a kernel thread, by that signal. Async-signal-safe; keeps errno. Where the kernel refuses, the greenlet
// finds what is pending at its next way through the hub.
void kick(pid_t thread, int signal) noexcept;

// To one greenlet. Returns 0, or EAGAIN where too many are pending. Any kernel thread, not in a Runtime. Precondition:
// `target` does not die meanwhile.
int send_signal(Thread& target, const siginfo_t& information) noexcept;

// To the process. False: nobody leaves it open, or it is not for handlers, and the kernel is to have it.
bool send_to_process(const siginfo_t& information) noexcept;

// To the greenlet with the number that gettid() gives. Returns 0 or an errno value; -1 if it is no greenlet's. Without
// `information` as tgkill.
int send_by_id(pid_t id, int signal, const siginfo_t* information) noexcept;

// The running greenlet's own, pending in `open`, which the kernel has blocked for now and is about to let in: goes to
// the kernel, as a kick where there is a handler. In a Runtime.
void kick_self(Thread& self, std::uint64_t open) noexcept;

// One of the process, for which there is a handler. In a Runtime that is no handler's.
void send_caught(const siginfo_t& information) noexcept;

// The same for hub code and handlers, without regard to what the signal discards; `information` is always there.
int send_to_live(pid_t id, const siginfo_t& information) noexcept;

// What a signal by kill, pthread_kill ... says of its sender.
siginfo_t information_of(int signal, int code) noexcept;

}  // namespace evergreen::patch
