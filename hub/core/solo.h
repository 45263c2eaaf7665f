// Greenlets that are threads by nature: they compute for long, spin, or block in calls that nobody patched.
//
// To take the hub from such a greenlet costs the others some milliseconds each time. So one that is taken from again
// and again (the monitor counts, monitor.cpp) is left solo: it keeps the carrier that it was left on, and waits there
// by futex or poll, like a kernel thread. When all its runs have been short for a while it goes back to its hub; and so
// it does when it has waited for as long as a spare carrier would have lived.
#pragma once

#include <optional>
#include <span>

#include "evergreen/deadline.h"
#include "hub/core/descriptors.h"
#include "hub/core/hub_greenlet.h"

namespace evergreen::core {

struct FdInterest;

// Whether the running greenlet, which is about to wait, stays on its carrier for it. Only in a Runtime.
[[nodiscard]] bool stays_solo(HubGreenlet& self) noexcept;

// Step 3 of park.h for a solo greenlet, or a plain kernel thread: blocks until the greenlet is woken or the deadline
// passes. A solo one gets no answer after a while: then it goes home, and parks there.
Wake block_thread(HubGreenlet& self, Deadline deadline) noexcept;
[[nodiscard]] std::optional<Wake> block_solo(HubGreenlet& self, Deadline deadline) noexcept;

// The same for wait_any_fd: until one of the descriptors may be ready, too, or is closed.
[[nodiscard]] std::optional<Wake> poll_solo(HubGreenlet& self, std::span<const FdInterest> interests,
                                            Deadline deadline) noexcept;

// `fd` is being closed (closing.h): interrupts the solo greenlets that wait for it. Any kernel thread.
[[nodiscard]] bool any_solo_waits() noexcept;
void interrupt_solo_waits(int fd) noexcept;

// In a forked child: nobody waits.
void forget_solo_waits() noexcept;

// The park's two ends, at the word (park.h). Begins it by `how`: parked, blocked or polling; returns the word, or 0 if
// somebody has woken the greenlet already. Ends it: returns what the word says, which is then `awake` again.
[[nodiscard]] std::uint32_t begin_park(HubGreenlet& self, HubGreenlet::Parking how) noexcept;
Wake take_outcome(HubGreenlet& self) noexcept;

}  // namespace evergreen::core
