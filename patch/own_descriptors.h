// The hub's own descriptors, kept out of the program's way: at high numbers, so that it gets the numbers that it would
// get natively, and safe from programs that close whatever they did not open.
#pragma once

namespace evergreen::patch {

// No number from here on is ever guarded.
inline constexpr int guarded_limit = 1 << 14;

// From now on the program gets EBADF for this number, as for one that is not open. And no longer, when the hub itself
// closes it.
void guard_descriptor(int fd) noexcept;
void unguard_descriptor(int fd) noexcept;
bool is_guarded(int fd) noexcept;

// In a forked child: closes all that are guarded. They belong to the parent's hubs, carriers and waits.
void close_guarded_descriptors() noexcept;

// Gives a descriptor that libev or the hub has just made a high number, and guards it. Returns that number; `fd` itself
// where none is free.
int move_out_of_the_way(int fd) noexcept;

// The same for a descriptor that we can do without: closes it and returns -1 where no high number is free. `fd` may be
// -1.
int move_out_of_the_way_or_close(int fd) noexcept;

// The kernel looks at no more of select's sets than its table of descriptors is long, and programs rely on that: they
// count to getdtablesize(). Ours make the table longer; so a count above FD_SETSIZE comes down to the program's own
// highest descriptor. No other count is changed.
int count_for_kernel(int count) noexcept;

}  // namespace evergreen::patch
