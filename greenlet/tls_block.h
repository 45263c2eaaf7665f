// A whole glibc thread descriptor with its static TLS, made on memory of ours, on which glibc's own code works.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evergreen {

// A block is named by its thread pointer, which is what pthread_self() returns on it.
// All functions: from any kernel thread, after check_glibc() has filled the layout.

// Bytes that create_tls_block needs below `top`.
std::size_t tls_block_size() noexcept;

// Makes a block in the tls_block_size() zero bytes below `top`, with the stack and pointer guards of the running
// thread and a thread id that no kernel thread has. Returns its thread pointer, or 0 when memory is short.
std::uintptr_t create_tls_block(void* top);

// Makes a used block as good as new, for the next greenlet: all TLS but libc's is imaged again. libc's malloc cache
// stays, so that it is warm and nothing leaks. Returns false when memory is short; the block is then unusable.
bool renew_tls_block(std::uintptr_t block);

// What start_thread does when a thread ends, to be called on the block itself: C++ thread_local destructors, then
// pthread keys' destructors in up to PTHREAD_DESTRUCTOR_ITERATIONS rounds.
// One that ends by pthread_exit jumps back to before the call, which is then made again with the same `keys_begun`: of
// the values of keys, glibc passes by what is left.
void run_thread_destructors(volatile bool& keys_begun);
inline void run_thread_destructors() {
  volatile bool keys_begun = false;
  run_thread_destructors(keys_begun);
}

// What pthread_setspecific does, for the thread with that block. Returns false where memory is short.
bool give_key_value(std::uintptr_t block, unsigned key, void* value) noexcept;

// Sets up what glibc wants of the running code's block before anything else: call first on a new stack.
void enter_tls_block();

// Puts the running block on glibc's list of threads, for a call of dlopen: there glibc finds whom to give a new
// module's static TLS before its constructors run. Only readers of the list come along meanwhile (dlopen, setuid), as
// glibc's own threads are on another one. Nested ones do nothing.
class ListedBlock {
 public:
  ListedBlock() noexcept;
  ~ListedBlock();
  ListedBlock(const ListedBlock&) = delete;
  ListedBlock& operator=(const ListedBlock&) = delete;

 private:
  std::uintptr_t* node_ = nullptr;
};

// In a forked child, on the block that called fork: glibc has put that block on its list of threads, where it must not
// stay, because we reuse it without telling.
[[gnu::noplt]] void leave_glibc_lists() noexcept;

// Starts to count thread ids from a random place: processes that share a mutex must not have the same ones. Once at
// start, and in a forked child.
void draw_thread_ids() noexcept;

// The running block's thread id, by which glibc's mutexes know their owner; and any block's.
int thread_id() noexcept;
int thread_id_of(std::uintptr_t block) noexcept;

// For greenlets that share the running block: gives it another id, as the owner of mutexes.
void set_thread_id(int id) noexcept;

// The same as enter_tls_block() on a stack that shares the running block. It is no part of the thread that may be
// cancelled, for the unwinding would not end with its stack. Where its waits for mutexes park (the patch), it is an
// owner of its own: else a recursive mutex that it holds while it waits would let in all others on this block.
void enter_shared_block() noexcept;
extern constinit bool all_own_mutexes;

// Whether an id is one of those that no kernel thread has.
constexpr bool is_made_up(int id) noexcept { return id >= 1 << 22; }

}  // namespace evergreen
