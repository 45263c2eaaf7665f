// System calls that pass neither libc nor a shim: how the fuzzer prepares and looks, the same in both runs.
#pragma once

namespace fuzz {

// Returns what the kernel does: an error is its negative number.
inline long kernel(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) noexcept {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

template <class T>
long address(T* pointer) noexcept {
  return reinterpret_cast<long>(pointer);
}

}  // namespace fuzz
