// What AddressSanitizer, ThreadSanitizer and Valgrind cannot see for themselves: where stacks are, and which one runs.
//
// Only greenlets that share their kernel thread's TLS block (library mode) can run under sanitizers, which keep what
// they know of a thread in its TLS. There is no libevergreen-patch.so for them.
//
// All of this is empty without them, but for what Valgrind is told of a fresh stack: four instructions that do nothing
// on a CPU. For LeakSanitizer, a stack in use is a root, whole: what only a parked greenlet points to is no leak.
#pragma once

#include <cstddef>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define EVERGREEN_VALGRIND
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVERGREEN_ASAN
#elif __has_feature(thread_sanitizer)
#define EVERGREEN_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EVERGREEN_ASAN
#elif defined(__SANITIZE_THREAD__)
#define EVERGREEN_TSAN
#endif

#ifdef EVERGREEN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef EVERGREEN_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace evergreen::annotate {

#if defined(EVERGREEN_ASAN) || defined(EVERGREEN_TSAN)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// Kernel threads that a sanitizer runs for itself, once there are any.
#if defined(EVERGREEN_TSAN)
inline constexpr unsigned own_threads = 1;
#else
inline constexpr unsigned own_threads = 0;
#endif

#if defined(EVERGREEN_ASAN)

// One side of a switch. Part of a RawGreenlet.
class Fiber {
 public:
  Fiber() = default;  // a kernel thread's own stack: ASan knows it
  Fiber(const void* low, std::size_t size) : low_(low), size_(size) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() {
    if (is_root_) __lsan_unregister_root_region(low_, size_);
  }

  // Just before the jump. Who is about to die has no frame on ASan's fake stack that is used again: it ends here.
  void leave(const Fiber& to, bool for_ever) {
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &fake_stack_, to.low_, to.size_);
  }

  // Just after it.
  void arrive(Fiber& left) {
    const bool is_new = left.size_ == 0;
    __sanitizer_finish_switch_fiber(fake_stack_, &left.low_, &left.size_);
    if (is_new) __lsan_register_root_region(left.low_, left.size_);
    left.is_root_ |= is_new;
  }

 private:
  const void* low_ = nullptr;
  std::size_t size_ = 0;  // 0: a kernel thread's own, until it is left
  void* fake_stack_ = nullptr;
  bool is_root_ = false;  // a kernel thread's own, which ASan takes for that thread's no longer once it is left
};

#elif defined(EVERGREEN_TSAN)

class Fiber {
 public:
  Fiber() : fiber_(__tsan_get_current_fiber()), is_ours_(false) {}
  Fiber(const void*, std::size_t) : fiber_(__tsan_create_fiber(0)), is_ours_(true) {}
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() {
    if (is_ours_) __tsan_destroy_fiber(fiber_);
  }

  // Inlined: TSan counts calls and returns, and a return from here would be one of `to`'s.
  [[gnu::always_inline]] void leave(const Fiber& to, bool) { __tsan_switch_to_fiber(to.fiber_, 0); }
  void arrive(Fiber&) {}

 private:
  void* fiber_;
  bool is_ours_;
};

#else

class Fiber {
 public:
  Fiber() = default;
  Fiber(const void*, std::size_t) {}
  void leave(const Fiber&, bool) {}
  void arrive(Fiber&) {}
};

#endif

// A stack from `low` to `high` that is used for the first time; it may be used for ever.
inline void stack_made([[maybe_unused]] const void* low, [[maybe_unused]] const void* high) {
#ifdef EVERGREEN_VALGRIND
  static_cast<void>(VALGRIND_STACK_REGISTER(low, high));
#endif
}

// A stack from the pool is used by somebody; and not any more. Objects above `high`, up to `top`, are part of it.
// Whoever reads or writes it in between refers to a dead greenlet's variable: ASan then says "use-after-poison". (Of
// the upper part, where most variables are: 1/8 of what is marked costs memory.)
inline void stack_taken([[maybe_unused]] const std::byte* low, [[maybe_unused]] const std::byte* high,
                        [[maybe_unused]] const std::byte* top) {
#ifdef EVERGREEN_ASAN
  ASAN_UNPOISON_MEMORY_REGION(low, static_cast<std::size_t>(high - low));
  __lsan_register_root_region(low, static_cast<std::size_t>(top - low));
#endif
}
inline void stack_given([[maybe_unused]] const std::byte* low, [[maybe_unused]] const std::byte* high,
                        [[maybe_unused]] const std::byte* top) {
#ifdef EVERGREEN_ASAN
  __lsan_unregister_root_region(low, static_cast<std::size_t>(top - low));
  constexpr std::ptrdiff_t most = 64 << 10;
  const auto size = static_cast<std::size_t>(high - low < most ? high - low : most);
  ASAN_POISON_MEMORY_REGION(high - size, size);
#endif
}

}  // namespace evergreen::annotate
