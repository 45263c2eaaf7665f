// Kernel threads that drive hubs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "greenlet/kernel_thread.h"
#include "greenlet/list.h"
#include "hub/core/hub.h"

namespace evergreen::core {

// One kernel thread: it drives a hub, or runs a greenlet that was detached from one, or is a spare. Its idle stack is
// the stack that it came with; the thread that started a hub lives on in the main greenlet, so it gets an idle stack of
// ours.
class Carrier : public Link<Carrier> {  // Carriers::spares_
 public:
  Carrier() = default;

  // For a detached greenlet on this carrier: off its stack, and back to its hub. Returns when it is resumed there, on
  // whichever carrier drives the hub then.
  void send_home(HubGreenlet& self) noexcept;

  // For the monitor: its kernel thread, now; and the CPU time that it has used.
  enum class Activity { runs, sleeps, unknown };
  [[nodiscard]] Activity activity() noexcept;
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept;
  [[nodiscard]] pid_t thread() const noexcept { return thread_; }

  // On its kernel thread: what signals are blocked there from now on. Others may read it.
  void set_signal_mask(std::uint64_t mask) noexcept {
    if (mask != signal_mask()) change_signal_mask(mask);
  }
  void note_signal_mask(std::uint64_t mask) noexcept { signal_mask_.store(mask); }  // the kernel has done it
  [[nodiscard]] std::uint64_t signal_mask() const noexcept { return signal_mask_.load(std::memory_order_relaxed); }

  // For a solo greenlet on this carrier, that waits for descriptors: kick() makes kick_fd() readable until take_kick().
  // -1 where no descriptor is left. kick(): any kernel thread.
  int kick_fd() noexcept;
  void kick() noexcept;
  void take_kick() noexcept;

 private:
  friend class Carriers;

  static void* thread_main(void* self);
  static RawGreenlet& idle_entry(RawGreenlet& self);
  void make_idle_greenlet();
  void run(bool is_spare) noexcept;
  bool wait_for_offer(bool is_spare) noexcept;
  void change_signal_mask(std::uint64_t mask) noexcept;
  void learn_signal_mask() noexcept;

  int open_status() const noexcept;

  RawGreenlet* idle_ = nullptr;
  HubGreenlet* passenger_ = nullptr;      // has just left its stack for ours
  std::atomic<std::uint32_t> called_{0};  // futex: 1 when called_to_ is set
  Hub* called_to_ = nullptr;
  pid_t thread_ = 0;
  std::atomic<std::uint64_t> signal_mask_{0};
  KernelThread kernel_thread_;
  std::atomic<int> status_fd_{-1};  // /proc/self/task/TID/stat, once the monitor has looked
  int kick_fd_ = -1;                // eventfd
  bool may_end_ = true;             // false: the process's first thread
};

// All carriers of the process. Threads: any.
class Carriers {
 public:
  // The running kernel thread, which starts a hub. In library mode nothing is detached, and so it never idles. Throws
  // std::bad_alloc.
  static Carrier& adopt_this_thread(Mode mode);

  // A spare, or a new one; nullptr at the cap (EVERGREEN_CARRIERS) or when the kernel refuses. It waits for call().
  // Only in a Runtime, or on a thread of evergreen's own.
  static Carrier* take() noexcept;
  static void put_back(Carrier& carrier) noexcept;

  // Calls a carrier from take() to a hub, for the turn that is in its box of offers when it comes. If that is over, or
  // the box empty, it is a spare again.
  static void call(Carrier& carrier, Hub& hub) noexcept;

  // Whether carriers are plenty: solo greenlets may keep theirs.
  [[nodiscard]] static bool plenty() noexcept;

  // In a forked child: only the calling thread is left. Its idle stack, if that was a kernel thread's own, belongs to
  // glibc again; so it becomes a new carrier.
  static Carrier& restart_after_fork(Mode mode);

  // Makes a kernel thread, detached, for a carrier or the monitor. Returns 0 or an errno value.
  static int make_thread(void* (*entry)(void*), void* argument, std::size_t stack_size) noexcept;

  // Kernel threads that drive hubs or may do so, and the monitor: now; the most at once.
  static std::size_t threads() noexcept;
  static std::size_t peak() noexcept;

 private:
  friend class Carrier;
};

}  // namespace evergreen::core
