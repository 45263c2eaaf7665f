// The only inline assembly of evergreen.
#pragma once

#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

namespace evergreen::arch {

// Whether user code may write the FS base (AT_HWCAP2 bit 1, Linux 5.9): 12 ns instead of the system call's 168 ns.
// Set once by the start-up check, before the first switch.
inline constinit bool has_fsgsbase = false;

// The thread pointer of the running code: word 0 of every x86-64 TLS block holds the block's own address.
inline std::uintptr_t thread_pointer() noexcept {
  std::uintptr_t value;
  asm("movq %%fs:0, %0" : "=r"(value));
  return value;
}

// Makes `block` the running code's TLS block. The compiler must not carry TLS addresses across it: only a function that
// jumps to another stack right afterwards may call it (or one that puts the old value back at once).
inline void set_thread_pointer(std::uintptr_t block) noexcept {
  if (__builtin_expect(has_fsgsbase, true)) {
    asm volatile("wrfsbase %0" : : "r"(block) : "memory");
    return;
  }
  // Not through syscall(3): that one writes errno, which is TLS.
  constexpr long arch_set_fs = 0x1002;
  long result = SYS_arch_prctl;
  asm volatile("syscall" : "+a"(result) : "D"(arch_set_fs), "S"(block) : "rcx", "r11", "memory");
}

inline void spin_hint() noexcept { asm volatile("pause"); }

// sched_yield(2), which libevergreen-patch.so stands in for, by system call.
inline void give_cpu() noexcept {
  long result = SYS_sched_yield;
  asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
}

// gettid(2), for signal handlers that must not touch TLS.
inline int kernel_thread_id() noexcept {
  long result = SYS_gettid;
  asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
  return static_cast<int>(result);
}

// write(2) by system call, for reports: libevergreen-patch.so stands in for write(3) and syscall(3), and may park
// there. Returns what the kernel does, a negative error number if it fails.
inline long write_by_system_call(int fd, const void* data, std::size_t size) noexcept {
  long result = SYS_write;
  asm volatile("syscall" : "+a"(result) : "D"(long{fd}), "S"(data), "d"(size) : "rcx", "r11", "memory");
  return result;
}

}  // namespace evergreen::arch

// Defines the exported C function `name`, which is vfork(2). The child runs on the caller's stack and leaves nothing of
// what lies below; so the return address and what before() returned (two words) wait in registers, of which the child
// has its own. In the parent, and where there is no child, it goes on with after(result, those two words).
#define EVERGREEN_VFORK(name, before, after) \
  asm(".pushsection .text\n"                 \
      ".globl " #name                        \
      "\n"                                   \
      ".type " #name ", @function\n" #name   \
      ":\n"                                  \
      ".cfi_startproc\n"                     \
      "sub $8, %rsp\n"                       \
      ".cfi_adjust_cfa_offset 8\n"           \
      "call " #before                        \
      "\n"                                   \
      "add $8, %rsp\n"                       \
      ".cfi_adjust_cfa_offset -8\n"          \
      "mov %rax, %rsi\n"                     \
      "pop %rdi\n"                           \
      ".cfi_adjust_cfa_offset -8\n"          \
      ".cfi_register %rip, %rdi\n"           \
      "mov $58, %eax\n" /* SYS_vfork */      \
      "syscall\n"                            \
      "push %rdi\n"                          \
      ".cfi_adjust_cfa_offset 8\n"           \
      ".cfi_offset %rip, -8\n"               \
      "mov %rax, %rdi\n"                     \
      "test %rax, %rax\n"                    \
      "jnz " #after                          \
      "\n"                                   \
      "ret\n"                                \
      ".cfi_endproc\n"                       \
      ".size " #name ", . - " #name          \
      "\n"                                   \
      ".popsection")

// Defines the hidden C function void name(void* top, void (*function)(void*), void* argument): it calls
// function(argument) on the stack that ends at `top`. Exceptions pass through it.
#define EVERGREEN_CALLS_ON_STACK(name)     \
  asm(".pushsection .text\n"               \
      ".hidden " #name                     \
      "\n"                                 \
      ".globl " #name                      \
      "\n"                                 \
      ".type " #name ", @function\n" #name \
      ":\n"                                \
      ".cfi_startproc\n"                   \
      "push %rbp\n"                        \
      ".cfi_adjust_cfa_offset 8\n"         \
      ".cfi_rel_offset %rbp, 0\n"          \
      "mov %rsp, %rbp\n"                   \
      ".cfi_def_cfa_register %rbp\n"       \
      "and $-16, %rdi\n"                   \
      "mov %rdi, %rsp\n"                   \
      "mov %rdx, %rdi\n"                   \
      "call *%rsi\n"                       \
      "leave\n"                            \
      ".cfi_def_cfa %rsp, 8\n"             \
      "ret\n"                              \
      ".cfi_endproc\n"                     \
      ".size " #name ", . - " #name        \
      "\n"                                 \
      ".popsection")
