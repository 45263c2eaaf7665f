// What another kernel thread's stack looks like at one moment, copied so that it can be unwound at leisure.
//
// A thread that sleeps in the kernel is not disturbed: /proc/self/task/TID/syscall (proc_pid_syscall(5)) tells its
// stack pointer and program counter, and nothing else. A signal would be a change of behaviour there, SA_RESTART or
// not: poll, select, epoll_wait, nanosleep, sigtimedwait, semop, msgrcv, io_getevents, and recv or send on a socket
// with SO_RCVTIMEO or SO_SNDTIMEO fail with EINTR then, sleep(3) returns early, and write, or recv with MSG_WAITALL,
// returns what it has done so far (signal(7)).
//
// One that runs gets SIGURG by tgkill, whose handler copies registers and stack. SIGURG for Go's reasons: debuggers
// pass it on, libc does not use it, hardly any program does, and those that do must expect it for nothing; its default
// is to be ignored. The handler is there only while a sample is taken, and hands a SIGURG that is not ours to the
// program's. What remains: a thread that has been asked while it computed, and enters one of the calls above before the
// signal gets there, sees that EINTR. The window is some microseconds, and reports are rare.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace evergreen::core {

struct StackSample {
  static constexpr std::size_t room = 64 << 10;

  // By DWARF's numbers for x86-64 (psABI, figure 3.36).
  enum Register : unsigned { rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, pc, count };

  std::array<std::uint64_t, count> registers;
  std::uint32_t known;  // bit n: registers[n] is
  std::uint64_t low;    // where `bytes` begins: below rsp, as functions use 128 bytes there (psABI, red zone)
  std::size_t size;     // of the stack from there upwards: up to `room`, or to the end of its mapping
  std::array<std::byte, room> bytes;

  void set(Register which, std::uint64_t value) noexcept {
    registers[which] = value;
    known |= 1U << which;
  }
  [[nodiscard]] bool knows(unsigned which) const noexcept { return (known >> which & 1) != 0; }

  // The word of the stack at `address`; false if the sample does not hold it.
  bool read(std::uint64_t address, std::uint64_t& word) const noexcept;
};

// Copies the stack of kernel thread `thread` of this process, not the caller's. Returns whether that succeeded: not if
// the thread is gone, or computes with SIGURG blocked, or got no CPU within 200 ms, which is how long this may take.
// errno is not kept. Threads: one at a time.
bool sample_stack(pid_t thread, StackSample& sample) noexcept;

// Reads memory of this process that may not be there. Returns how many bytes were. Async-signal-safe.
std::size_t read_memory(std::uint64_t address, void* to, std::size_t size) noexcept;

}  // namespace evergreen::core
