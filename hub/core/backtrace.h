// Where another kernel thread is, for reports.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace evergreen::core {

// One call of a stack.
struct Frame {
  std::uint64_t pc = 0;        // where it is, or will go on
  std::uint64_t function = 0;  // where its function begins; pc where that is not known
  std::string name;            // demangled; empty where it is not known
  std::uint64_t base = 0;      // of the module, where it is loaded
  std::string module;          // file name of the program or library, without its directory; empty: none
  std::string file;            // source file without its directory, if there is debug information
  int line = 0;
  bool in_library_header = false;  // the file is one of the C++ library's

  // Code of evergreen, or of the C and C++ libraries (their templates too), or a sanitizer's: not what a user looks
  // for.
  [[nodiscard]] bool is_ours_or_libcs() const;

  // The same for every pc of one function.
  [[nodiscard]] std::string place() const;

  // "handle at server.c:31", "handle", "libx.so+0x4711"
  [[nodiscard]] std::string text() const;
};

// The calls in which kernel thread `thread` of this process is now, the innermost first; not the caller's own. At most
// 64. stack_sample.h says how, and what the thread notices of it. Where the stack cannot be had, empty. Without libdw
// only the innermost. Calls that the compiler has inlined are there too if there is debug information.
//
// Costs some milliseconds the first time it meets a program or library, more where there is much debug information.
// Allocates, opens files. Threads: one at a time.
std::vector<Frame> take_backtrace(pid_t thread);

// What the dynamic linker knows of a pc: its library, and the exported function around or before it.
Frame frame_without_libdw(std::uint64_t pc);

}  // namespace evergreen::core
