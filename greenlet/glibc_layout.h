// What evergreen must know of glibc's private thread descriptor, taken from glibc itself at start-up.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evergreen {

// Offsets are in bytes from the thread pointer, which is the address of struct pthread on x86-64.
struct GlibcLayout {
  std::size_t descriptor_size;  // sizeof(struct pthread)
  std::size_t static_tls_size;  // descriptor + static TLS of all modules + the surplus for dlopen
  std::size_t static_tls_align;
  std::size_t tid;              // pid_t
  std::size_t list;             // list_t {next, previous}: glibc's lists of threads
  std::size_t specific;         // 32 pointers to arrays of 32 {sequence, value}
  std::size_t cancel_handling;  // int, cancellation.cpp
  std::size_t robust_head;      // struct robust_list_head, with a pointer to its last element just before it
  std::size_t link_map_tls_offset, link_map_tls_module;  // in struct link_map
  std::ptrdiff_t rseq_cpu_id;                            // 0 when this glibc has no rseq
  std::ptrdiff_t libc_tls;  // libc's own TLS: errno, the malloc cache, ...; below the thread pointer
  std::size_t libc_tls_size;
  std::ptrdiff_t resolver_state;  // __resp, a pointer to struct __res_state; in libc's TLS

  void* (*allocate_tls)(void* thread_pointer);              // _dl_allocate_tls
  void (*deallocate_tls)(void* thread_pointer, bool free);  // _dl_deallocate_tls
  void (*init_ctype)();                                     // __ctype_init
  void (*run_tls_destructors)();                            // __call_tls_dtors

  // __pthread_keys: which keys exist, and their destructors.
  struct Key {
    std::uintptr_t sequence;  // odd while the key is in use
    void (*destructor)(void*);
  };
  const Key* keys;

  // _dl_stack_user: the list_t at which glibc's list of threads on the program's own memory begins; the main thread is
  // on it. nullptr where it was not found.
  std::uintptr_t* threads;
};

// Fills the layout and checks it on a scratch block. Returns nullptr, or one clause that says what does not hold: then
// no greenlet can stand for a pthread on this glibc. Call once, before any other thread exists.
const char* check_glibc();

// Valid after check_glibc() returned nullptr.
const GlibcLayout& glibc() noexcept;

}  // namespace evergreen
