// All hubs of the process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace evergreen::core {

class Hub;
class HubGreenlet;
struct Statistics;

// The first one is started by the first thread that is made, or the first use of the library; the main greenlet is its.
// Further ones, up to EVERGREEN_HUBS, as threads are dealt to them. Threads: any.
class Hubs {
 public:
  static constexpr unsigned limit = 30;

  [[nodiscard]] static unsigned count() noexcept;
  [[nodiscard]] static Hub& at(unsigned index) noexcept;

  // For a new thread: the hub with the fewest greenlets, made for it if EVERGREEN_HUBS allows another. One that can't
  // be made (descriptors, memory or carriers are short) is said once and done without.
  [[nodiscard]] static Hub& for_new_greenlet() noexcept;

  // Greenlets of all hubs: alive now; at most at once; ever.
  [[nodiscard]] static std::size_t alive() noexcept;
  [[nodiscard]] static std::size_t alive_peak() noexcept;
  [[nodiscard]] static std::uint64_t spawned() noexcept;

  // The other numbers, summed.
  [[nodiscard]] static Statistics statistics() noexcept;

  // In a forked child: the hubs, carriers, waits and other greenlets are the parent's alone, their stacks gone for good
  // like the threads of a forked process. The caller's waits are the kernel's, until a hub is restarted for it. The
  // hubs' descriptors are for whoever knows them to close. Async-signal-safe. (noplt: each child would bind it anew,
  // for ten page faults.)
  [[gnu::noplt]] static void stay_in_parent() noexcept;

  // The greenlet that the process began with, or that forked it; and that process.
  [[nodiscard]] static HubGreenlet& main_greenlet() noexcept;
  [[nodiscard]] static pid_t process() noexcept;

 private:
  friend class Hub;
  static void add_first(Hub& hub, HubGreenlet& main) noexcept;
  static void begin_process(HubGreenlet* main) noexcept;
  static std::uint64_t count_spawn() noexcept;  // returns the new one's id
  static void count_death() noexcept;
};

}  // namespace evergreen::core
