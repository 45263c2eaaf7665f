// One switch is: FS base, Boost's jump, and the arriving side stores the context that the jump hands it into the
// greenlet that left. fcontext's ontop could do that last step on top of the target's stack; storing on arrival is
// cheaper, and it gives one place where "is off its stack" is known.
//
// Boost's three functions in assembly are used as they are. boost::context::fiber wraps them in more jumps: to make
// one, and to end it on the next one's stack; sanitizers, which must be told before each jump, could not follow these.

#include "greenlet/raw_greenlet.h"

#include <errno.h>

#include <cstring>

#include "greenlet/arch_x86_64.h"
#include "greenlet/cancellation.h"
#include "greenlet/tls_block.h"

namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1

namespace evergreen {
namespace {

// What two greenlets on one TLS block would otherwise trample on: caughtExceptions and uncaughtExceptions (two words,
// fixed by the C++ ABI), errno, who owns a mutex, and whether a cancellation would unwind this stack.
class SharedBlockState {
 public:
  SharedBlockState() noexcept : errno_(errno), thread_id_(thread_id()), cancel_settings_(cancel_settings()) {
    std::memcpy(exceptions_, __cxxabiv1::__cxa_get_globals(), size);
  }
  void restore() const noexcept {
    errno = errno_;
    set_thread_id(thread_id_);
    set_cancel_settings(cancel_settings_);
    std::memcpy(static_cast<void*>(__cxxabiv1::__cxa_get_globals()), exceptions_, size);
  }

  // A new greenlet begins without the exceptions that the one before it is handling.
  static void begin() noexcept { std::memset(static_cast<void*>(__cxxabiv1::__cxa_get_globals()), 0, size); }

 private:
  static constexpr std::size_t size = 2 * sizeof(void*);
  int errno_, thread_id_, cancel_settings_;
  unsigned char exceptions_[size];
};

}  // namespace

RawGreenlet::RawGreenlet() noexcept : block_(arch::thread_pointer()) {}

RawGreenlet::RawGreenlet(std::byte* low, std::size_t size, std::uintptr_t block, Entry entry, bool shares_block)
    : context_(boost::context::detail::make_fcontext(low + size, size, begin)),
      entry_(entry),
      block_(block),
      shares_block_(shares_block),
      fiber_(low, size) {}

// The outermost call of each stack of ours. Never returns: nobody would be there.
void RawGreenlet::begin(boost::context::detail::transfer_t first) {
  RawGreenlet& self = arrive(first);
  if (self.shares_block_) SharedBlockState::begin();
  RawGreenlet& next = self.entry_(self);
  self.is_dead_ = true;
  jump(self, next);
  __builtin_unreachable();
}

// Runs on this greenlet's stack as soon as somebody has switched to it. (ASan may have no fake frames on the way.)
[[gnu::no_sanitize_address]] inline RawGreenlet& RawGreenlet::arrive(boost::context::detail::transfer_t here) noexcept {
  const Passage passage = *static_cast<const Passage*>(here.data);
  RawGreenlet &left = passage.from, &self = passage.to;
  self.fiber_.arrive(left.fiber_);
  if (!left.is_dead_) {
    left.context_ = here.fctx;
  } else if (left.when_dead_ != nullptr) {
    left.when_dead_(left);
  }
  return self;
}

void RawGreenlet::switch_to(RawGreenlet& from, RawGreenlet& to) noexcept {
  if (from.shares_block_) {
    const SharedBlockState state;
    jump(from, to);
    state.restore();
  } else {
    jump(from, to);
  }
}

[[gnu::no_sanitize_address]] inline void RawGreenlet::jump(RawGreenlet& from, RawGreenlet& to) noexcept {
  Passage passage{from, to};
  from.fiber_.leave(to.fiber_, from.is_dead_);
  if (from.block_ != to.block_) arch::set_thread_pointer(to.block_);  // a dead one reads no TLS from here on
  arrive(boost::context::detail::jump_fcontext(to.context_, &passage));
}

}  // namespace evergreen
