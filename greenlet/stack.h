// Stacks for greenlets: guarded, cheap in memory, reused last in, first out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "greenlet/list.h"
#include "greenlet/spin_lock.h"

namespace evergreen {

struct Slab;

// One stack. The object lives at the top of its own mapping, above the memory that it describes and below the TLS
// block, so that an idle greenlet touches the fewest pages:
//
//     guard | stack, grows down  <--  | reserve()d | Stack | TLS block |
//           low()                     high()                          top()
//
class Stack : public Link<Stack> {  // StackPool::hot_ or cold_ while idle, the live list of static_tls.cpp while in use
 public:
  // The lowest usable byte; the guard lies below: one page, or what widen_guard() made of it.
  [[nodiscard]] std::byte* low() const noexcept { return low_; }
  [[nodiscard]] std::byte* high() const noexcept { return high_; }
  // The whole of it: the guard, and what lies above high().
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::byte* top() const noexcept;

  // Makes the lowest `size` bytes the guard, whole pages, until the stack is given back. False when memory is short.
  bool widen_guard(std::size_t size) noexcept;

  // Takes `size` bytes off the top for an object of the owner; they count as used until the stack is given back.
  void* reserve(std::size_t size, std::size_t alignment) noexcept;

  // This stack's TLS block as new, made at first use. 0 when memory is short.
  std::uintptr_t take_tls_block();
  [[nodiscard]] std::uintptr_t tls_block() const noexcept { return tls_block_; }

  // Whoever runs on it; set and cleared by its owner, for reports.
  const void* owner = nullptr;

 private:
  friend class StackPool;
  friend struct Slab;
  Stack(std::byte* low, std::byte* tls_top, class StackPool& pool) noexcept;

  void narrow_guard() noexcept;

  std::byte* low_;
  std::byte* high_;
  std::byte* const bottom_;   // of the guard
  std::byte* const tls_top_;  // the end of the TLS block
  class StackPool& pool_;
  std::uintptr_t tls_block_ = 0;
};

// All stacks of one size. Threads: any kernel thread. Pools and their address space live as long as the process.
class StackPool {
 public:
  // The pool of stacks of at least `size` bytes. nullptr when memory is short.
  static StackPool* of_size(std::size_t size);

  // A guarded stack; nullptr when address space or memory is short.
  Stack* take();

  // Precondition: nobody is on the stack any more.
  static void give(Stack& stack) noexcept;

  // The stack in whose memory or guard page `address` lies, or nullptr. Async-signal-safe.
  static Stack* containing(const void* address) noexcept;

  // Around fork, so that the child finds every pool in a state that it can use.
  static void lock_all() noexcept;
  static void unlock_all() noexcept;

  // The smallest size that leaves room to run after a TLS block: what of_size raises a smaller request to.
  static std::size_t minimum_size() noexcept;

 private:
  friend class Stack;
  explicit StackPool(std::size_t size) noexcept : size_(size) {}
  Stack* carve();
  Slab* grow();
  void trim() noexcept;

  SpinLock lock_;     // guards the rest
  List<Stack> hot_;   // given back, their pages kept; the hottest first
  List<Stack> cold_;  // given back and trimmed
  std::size_t hot_count_ = 0, in_use_ = 0;
  Slab* slab_ = nullptr;    // the newest, from which fresh stacks are carved
  const std::size_t size_;  // of one stack, guard page included
  StackPool* next_pool_ = nullptr;
};

}  // namespace evergreen
