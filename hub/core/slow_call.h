// Offload: for calls that are known to block their kernel thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace evergreen::core {

// What is known of one place in the code (or one kind of call) that sometimes blocks. It is taken for slow after the
// hub was re-taken during several of its calls, and until eight calls in a row were quick.
class CallSite {
 public:
  static constexpr std::uint8_t slow = 8;

  constexpr CallSite() noexcept = default;
  constexpr explicit CallSite(std::uint8_t patience) noexcept : patience_(patience) {}

  [[nodiscard]] bool is_slow() const noexcept { return patience_.load(std::memory_order_relaxed) != 0; }

 private:
  friend class SlowCall;
  void note_retake() noexcept;
  void note_offered(bool was_slow) noexcept;

  std::atomic<std::uint8_t> patience_{0};  // quick calls until it is no longer taken for slow
  std::atomic<std::uint8_t> retakes_{0};
};

// For calls through a shim that nothing can be known of in advance, such as ioctl: the place in the program that makes
// the call, by its return address. Few places share a record.
CallSite& call_site(const void* return_address) noexcept;

// Scope of one call that may block the running kernel thread for long. While it lasts another carrier goes on with the
// hub: the running greenlet's turn is offered to a spare one, and if the call has not come back when that wakes up, it
// takes the hub as the monitor would. The greenlet goes home when it next has to park.
//
// In the scope is a greenlet's own code: it may do all that a detached greenlet may, even park. errno, arguments and
// results are the call's own; the constructor and the destructor keep errno. Anywhere but on an attached greenlet it
// does nothing, and likewise at the cap of carriers: there the call blocks the hub until the monitor reports it.
class SlowCall {
 public:
  // A call that blocks nearly always.
  SlowCall() noexcept;
  // A call that is quick most of the time: a turn is only offered where the calls of `site` were slow lately.
  explicit SlowCall(CallSite& site) noexcept;
  ~SlowCall();
  SlowCall(const SlowCall&) = delete;
  SlowCall& operator=(const SlowCall&) = delete;

  // Whether the call may block for ever: another carrier goes on, or nobody is held up (on a detached greenlet, or a
  // plain kernel thread). False at the cap of carriers: who then waits for something that another greenlet of this
  // process may have to do must wait otherwise, by looking now and then.
  [[nodiscard]] bool offered() const noexcept { return offered_; }

 private:
  CallSite* const site_;
  std::int64_t began_ = 0;  // on the steady clock; 0: not offered
  std::uint64_t turn_ = 0;  // the greenlet's, if it was not offered
  bool offered_ = false;
};

}  // namespace evergreen::core
