// From a copied stack to the addresses of its calls.
#pragma once

#include <cstdint>
#include <vector>

#include "hub/core/libdw.h"
#include "hub/core/stack_sample.h"

namespace evergreen::core {

struct Call {
  std::uint64_t pc;
  bool is_return;  // pc is the instruction after a call, and may belong to another line, or function

  // In the instruction that runs.
  [[nodiscard]] std::uint64_t address() const { return is_return ? pc - 1 : pc; }
};

// Where the function around `address` begins, by the tables for exceptions, which are there without symbols too. 0
// where that is not known.
std::uint64_t begin_of_function(std::uint64_t address) noexcept;

// The process's code as libdw knows it. Threads: one at a time.
//
// A sleeping thread's frame pointer is not known at first. Functions that do not use one save it or leave it alone, so
// mostly it is not needed, or found on the way. Where one needs it (compiled with -O0, or with alloca) its frame is
// looked for: the place where a return address follows a saved frame pointer, and the instruction before it calls the
// function. This may be wrong in a rare case, and shows wrong callers then.
class Unwinder {
 public:
  // The only one. nullptr without libdw.
  static Unwinder* get();

  // Learns what has been loaded and unloaded since.
  void refresh();

  // The innermost first. Ends where nobody knows how to go on.
  std::vector<Call> unwind(const StackSample& sample);

  [[nodiscard]] Dwfl_Module* module_of(std::uint64_t address) const { return dw_.dwfl_addrmodule(session_, address); }
  // The symbol of the function around `address`, mangled; nullptr where it is not known.
  [[nodiscard]] const char* name_of(std::uint64_t address) const;

 private:
  explicit Unwinder(const Libdw& dw);
  ~Unwinder() = default;

  static pid_t next_thread(Dwfl*, void*, void**) noexcept { return 0; }
  static bool get_thread(Dwfl*, pid_t, void* self, void** thread) noexcept;
  static bool memory_read(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* self) noexcept;
  static bool set_registers(Dwfl_Thread* thread, void* self) noexcept;
  static int on_frame(Dwfl_Frame* frame, void* self) noexcept;

  void walk();
  [[nodiscard]] bool calls(std::uint64_t return_address, std::uint64_t function) const;
  [[nodiscard]] std::uint64_t find_frame() const;

  const Libdw& dw_;
  Dwfl* session_ = nullptr;
  bool attached_ = false;

  // Of the walk that is going on.
  const StackSample* sample_ = nullptr;
  std::uint64_t frame_pointer_ = 0;            // guessed; 0: not
  std::uint64_t read_at_ = 0, read_word_ = 0;  // last in memory_read
  std::uint64_t stack_pointer_ = 0;            // of the last call in calls_
  std::vector<Call> calls_;
};

}  // namespace evergreen::core
