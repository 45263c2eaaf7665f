// One switch is: FS base, Boost's jump, and the arriving side stores the context that the jump hands it into the
// greenlet that left. fiber::resume_with could do that last step on top of the target's stack; storing on arrival is
// cheaper, and it gives one place where "is off its stack" is known.

#include "greenlet/raw_greenlet.h"

#include <errno.h>

#include <cstring>
#include <utility>

#include "greenlet/arch_x86_64.h"
#include "greenlet/cancellation.h"
#include "greenlet/tls_block.h"

namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1

namespace evergreen {
namespace {

struct NoDeallocation {  // the stack is given back by its owner, see when_dead_
  void deallocate(boost::context::stack_context&) noexcept {}
};

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

 private:
  static constexpr std::size_t size = 2 * sizeof(void*);
  int errno_, thread_id_, cancel_settings_;
  unsigned char exceptions_[size];
};

}  // namespace

RawGreenlet::RawGreenlet() noexcept : block_(arch::thread_pointer()) {}

RawGreenlet::RawGreenlet(std::byte* low, std::size_t size, std::uintptr_t block, Entry entry, bool shares_block)
    : context_(start(low, size, entry)), block_(block), shares_block_(shares_block) {}

RawGreenlet::~RawGreenlet() = default;

boost::context::fiber RawGreenlet::start(std::byte* low, std::size_t size, Entry entry) {
  boost::context::stack_context stack;
  stack.sp = low + size;
  stack.size = size;
  const boost::context::preallocated memory(stack.sp, stack.size, stack);
  return {std::allocator_arg, memory, NoDeallocation{}, [this, entry](boost::context::fiber&& from) {
            arrive(std::move(from));
            RawGreenlet& next = entry(*this);
            next.came_from_ = this;
            arch::set_thread_pointer(next.block_);  // nothing of this stack reads TLS from here on
            return std::move(next.context_);
          }};
}

// Runs on this greenlet's stack as soon as somebody has switched to it.
inline void RawGreenlet::arrive(boost::context::fiber&& from) noexcept {
  RawGreenlet* left = std::exchange(came_from_, nullptr);
  if (from) {
    left->context_ = std::move(from);
  } else if (left->when_dead_ != nullptr) {  // its entry has returned
    left->when_dead_(*left);
  }
}

void RawGreenlet::switch_to(RawGreenlet& from, RawGreenlet& to) noexcept {
  to.came_from_ = &from;
  if (from.shares_block_) {
    const SharedBlockState state;
    jump(from, to);
    state.restore();
  } else {
    jump(from, to);
  }
}

inline void RawGreenlet::jump(RawGreenlet& from, RawGreenlet& to) noexcept {
  boost::context::fiber target = std::move(to.context_);
  if (from.block_ != to.block_) arch::set_thread_pointer(to.block_);
  from.arrive(std::move(target).resume());
}

}  // namespace evergreen
